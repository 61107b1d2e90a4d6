// A module without Go code, so that this folder is no part of github.com/azoidc/azoidc as the module proxy has it: the
// checksums of the released binaries, which hold that module's own checksum, are in it.
module github.com/azoidc/azoidc/action

go 1.26.0
