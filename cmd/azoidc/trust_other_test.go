//go:build !windows

package main

import (
	"testing"

	"github.com/azoidc/azoidc/azoidctest"
)

// trust has nothing to do: processes trust SSL_CERT_FILE.
func trust(testing.TB, *azoidctest.Server) {}
