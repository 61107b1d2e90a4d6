# As ../backend, and Resource Manager is asked after each step.
terraform {
  backend "azurerm" {
    storage_account_name = "octostate"
    container_name       = "tfstate"
    key                  = "prod.tfstate"
    use_azuread_auth     = true
  }
  required_providers {
    azapi = {
      source  = "azure/azapi"
      version = "1.15.0"
    }
  }
}

variable "subscription_id" {}

provider "azapi" {
  subscription_id = var.subscription_id
}

resource "terraform_data" "one" {
  provisioner "local-exec" { command = "sleep 15" }
}

data "azapi_resource" "after_one" {
  type       = "Microsoft.Resources/resourceGroups@2021-04-01"
  name       = "octo"
  parent_id  = "/subscriptions/${var.subscription_id}"
  depends_on = [terraform_data.one]
}

resource "terraform_data" "two" {
  depends_on = [data.azapi_resource.after_one]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azapi_resource" "after_two" {
  type       = "Microsoft.Resources/resourceGroups@2021-04-01"
  name       = "octo"
  parent_id  = "/subscriptions/${var.subscription_id}"
  depends_on = [terraform_data.two]
}

resource "terraform_data" "three" {
  depends_on = [data.azapi_resource.after_two]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azapi_resource" "after_three" {
  type       = "Microsoft.Resources/resourceGroups@2021-04-01"
  name       = "octo"
  parent_id  = "/subscriptions/${var.subscription_id}"
  depends_on = [terraform_data.three]
}

resource "terraform_data" "four" {
  depends_on = [data.azapi_resource.after_three]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azapi_resource" "after_four" {
  type       = "Microsoft.Resources/resourceGroups@2021-04-01"
  name       = "octo"
  parent_id  = "/subscriptions/${var.subscription_id}"
  depends_on = [terraform_data.four]
}

resource "terraform_data" "five" {
  depends_on = [data.azapi_resource.after_four]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azapi_resource" "after_five" {
  type       = "Microsoft.Resources/resourceGroups@2021-04-01"
  name       = "octo"
  parent_id  = "/subscriptions/${var.subscription_id}"
  depends_on = [terraform_data.five]
}

resource "terraform_data" "six" {
  depends_on = [data.azapi_resource.after_five]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azapi_resource" "after_six" {
  type       = "Microsoft.Resources/resourceGroups@2021-04-01"
  name       = "octo"
  parent_id  = "/subscriptions/${var.subscription_id}"
  depends_on = [terraform_data.six]
}
