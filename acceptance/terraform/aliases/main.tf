# As ../identities, by azurerm: one alias names the other identity by its client ID, the other by its address, too.
terraform {
  backend "azurerm" {
    storage_account_name = "octostate"
    container_name       = "tfstate"
    key                  = "prod.tfstate"
    use_azuread_auth     = true
  }
  required_providers {
    azurerm = {
      source = "hashicorp/azurerm"
    }
  }
}

variable "subscription_id" {}
variable "hub_client_id" {}
variable "hub_endpoint" {}

provider "azurerm" {
  subscription_id = var.subscription_id
  features {}
}

provider "azurerm" {
  alias           = "hub"
  subscription_id = var.subscription_id
  client_id       = var.hub_client_id
  features {}
}

provider "azurerm" {
  alias           = "hub_endpoint"
  subscription_id = var.subscription_id
  client_id       = var.hub_client_id
  msi_endpoint    = var.hub_endpoint
  features {}
}

resource "terraform_data" "one" {
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_one" {
  provider   = azurerm.hub
  name       = "octo"
  depends_on = [terraform_data.one]
}

resource "terraform_data" "two" {
  depends_on = [data.azurerm_resource_group.after_one]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_two" {
  provider   = azurerm
  name       = "octo"
  depends_on = [terraform_data.two]
}

resource "terraform_data" "three" {
  depends_on = [data.azurerm_resource_group.after_two]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_three" {
  provider   = azurerm.hub_endpoint
  name       = "octo"
  depends_on = [terraform_data.three]
}

resource "terraform_data" "four" {
  depends_on = [data.azurerm_resource_group.after_three]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_four" {
  provider   = azurerm.hub
  name       = "octo"
  depends_on = [terraform_data.four]
}

resource "terraform_data" "five" {
  depends_on = [data.azurerm_resource_group.after_four]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_five" {
  provider   = azurerm
  name       = "octo"
  depends_on = [terraform_data.five]
}

resource "terraform_data" "six" {
  depends_on = [data.azurerm_resource_group.after_five]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_six" {
  provider   = azurerm.hub_endpoint
  name       = "octo"
  depends_on = [terraform_data.six]
}

output "hub" {
  value = data.azurerm_resource_group.after_four.tags.askedBy
}

output "own" {
  value = data.azurerm_resource_group.after_five.tags.askedBy
}

output "hub_endpoint" {
  value = data.azurerm_resource_group.after_six.tags.askedBy
}
