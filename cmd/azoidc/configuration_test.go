package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzReadConfiguration(f *testing.F) {
	f.Add(200, []byte(`{"issuer":"https://login.microsoftonline.com/x/v2.0"}`))
	f.Add(400, []byte(`{"error_description":"AADSTS90002: Tenant\n::error::not found"}`))
	f.Add(200, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		detail, err := readConfiguration(status, body)
		if err != nil {
			detail = err.Error()
		}
		require.NotEmpty(t, detail)
		require.NotContains(t, detail, "\n", "a line can be a command to the CI system")
	})
}
