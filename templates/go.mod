// A module without Go code, for the same reason as action/go.mod: the checksums of the released binaries are in here.
module github.com/azoidc/azoidc/templates

go 1.26.0
