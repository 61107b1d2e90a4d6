# As ../azapi, by azurerm, which also makes a resource group at the start and one at the end.
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

provider "azurerm" {
  subscription_id = var.subscription_id
  features {}
}

resource "azurerm_resource_group" "first" {
  name     = "octo-first"
  location = "westeurope"
}

resource "terraform_data" "one" {
  depends_on = [azurerm_resource_group.first]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_one" {
  name       = "octo"
  depends_on = [terraform_data.one]
}

resource "terraform_data" "two" {
  depends_on = [data.azurerm_resource_group.after_one]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_two" {
  name       = "octo"
  depends_on = [terraform_data.two]
}

resource "terraform_data" "three" {
  depends_on = [data.azurerm_resource_group.after_two]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_three" {
  name       = "octo"
  depends_on = [terraform_data.three]
}

resource "terraform_data" "four" {
  depends_on = [data.azurerm_resource_group.after_three]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_four" {
  name       = "octo"
  depends_on = [terraform_data.four]
}

resource "terraform_data" "five" {
  depends_on = [data.azurerm_resource_group.after_four]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_five" {
  name       = "octo"
  depends_on = [terraform_data.five]
}

resource "terraform_data" "six" {
  depends_on = [data.azurerm_resource_group.after_five]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azurerm_resource_group" "after_six" {
  name       = "octo"
  depends_on = [terraform_data.six]
}

resource "azurerm_resource_group" "last" {
  name       = "octo-last"
  location   = "westeurope"
  depends_on = [data.azurerm_resource_group.after_six]
}

output "own" {
  value = data.azurerm_resource_group.after_six.tags.askedBy
}
