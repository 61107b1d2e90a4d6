# State on Blob Storage, by the identity that the environment tells of. The steps take longer than an access token lives, and
# the state is written after some of them.
terraform {
  backend "azurerm" {
    storage_account_name = "octostate"
    container_name       = "tfstate"
    key                  = "prod.tfstate"
    use_azuread_auth     = true
  }
}

resource "terraform_data" "one" {
  provisioner "local-exec" { command = "sleep 15" }
}

resource "terraform_data" "two" {
  depends_on = [terraform_data.one]
  provisioner "local-exec" { command = "sleep 15" }
}

resource "terraform_data" "three" {
  depends_on = [terraform_data.two]
  provisioner "local-exec" { command = "sleep 15" }
}

resource "terraform_data" "four" {
  depends_on = [terraform_data.three]
  provisioner "local-exec" { command = "sleep 15" }
}

resource "terraform_data" "five" {
  depends_on = [terraform_data.four]
  provisioner "local-exec" { command = "sleep 15" }
}

resource "terraform_data" "six" {
  depends_on = [terraform_data.five]
  provisioner "local-exec" { command = "sleep 15" }
}
