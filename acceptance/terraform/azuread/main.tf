# As ../azapi, by azuread, which asks Microsoft Graph.
terraform {
  backend "azurerm" {
    storage_account_name = "octostate"
    container_name       = "tfstate"
    key                  = "prod.tfstate"
    use_azuread_auth     = true
  }
  required_providers {
    azuread = {
      source = "hashicorp/azuread"
    }
  }
}

variable "hub_client_id" {}

provider "azuread" {}

resource "terraform_data" "one" {
  provisioner "local-exec" { command = "sleep 15" }
}

data "azuread_application" "after_one" {
  client_id  = var.hub_client_id
  depends_on = [terraform_data.one]
}

resource "terraform_data" "two" {
  depends_on = [data.azuread_application.after_one]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azuread_application" "after_two" {
  client_id  = var.hub_client_id
  depends_on = [terraform_data.two]
}

resource "terraform_data" "three" {
  depends_on = [data.azuread_application.after_two]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azuread_application" "after_three" {
  client_id  = var.hub_client_id
  depends_on = [terraform_data.three]
}

resource "terraform_data" "four" {
  depends_on = [data.azuread_application.after_three]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azuread_application" "after_four" {
  client_id  = var.hub_client_id
  depends_on = [terraform_data.four]
}

resource "terraform_data" "five" {
  depends_on = [data.azuread_application.after_four]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azuread_application" "after_five" {
  client_id  = var.hub_client_id
  depends_on = [terraform_data.five]
}

resource "terraform_data" "six" {
  depends_on = [data.azuread_application.after_five]
  provisioner "local-exec" { command = "sleep 15" }
}

data "azuread_application" "after_six" {
  client_id  = var.hub_client_id
  depends_on = [terraform_data.six]
}

output "own" {
  value = data.azuread_application.after_six.notes
}
