package redact_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/azoidc/azoidc/internal/redact"
)

func BenchmarkText(b *testing.B) {
	secret := strings.Repeat("A", 2000) + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("a claim ", 100)))
	for name, text := range map[string]string{
		"plain":  strings.Repeat("AADSTS700016: nothing here. ", 64<<10/28),
		"hashes": strings.Repeat("#", 64<<10), "markers": strings.Repeat("##vs", 16<<10), "hidden": strings.Repeat("#\u200b", 16<<10),
		"As": strings.Repeat("A", 64<<10), "almost": strings.Repeat(strings.Repeat("A", 15)+"!", 4<<10), "percent": strings.Repeat("%25", 21<<10),
		"lines": strings.Repeat("\n", 64<<10), "jwts": strings.Repeat("eyJ", 21<<10), "backslashes": strings.Repeat(`\\`, 32<<10),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				redact.Text(text, secret)
			}
		})
	}
	b.Run("short", func(b *testing.B) {
		for b.Loop() {
			redact.Line("AADSTS700016: nothing here.", secret)
		}
	})
}
