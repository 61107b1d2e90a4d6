package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/testbed"
)

// secrets are one of each kind: a JWT, GitHub's request token is one too, an Azure DevOps token, one with characters that
// encodings change, and a short one.
func secrets() map[string]string {
	random := rand.New(rand.NewPCG(1, 2))
	letters := func(n int, alphabet string) string {
		text := make([]byte, n)
		for i := range text {
			text[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(text)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return map[string]string{
		"JWT":     "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJ" + letters(900, alphabet) + "." + letters(342, alphabet),
		"PAT":     strings.ToLower(letters(52, alphabet[:52])),
		"strange": letters(60, `+/=.~"\<>&%-_ab1`),
		"short":   letters(12, alphabet),
	}
}

// TestEchoes: whatever the form, at most 15 characters of it in a row are left, where it was cut.
func TestEchoes(t *testing.T) {
	testbed.NotShort(t, "tries each form of each secret")
	for kind, secret := range secrets() {
		for name, form := range testbed.Echoes {
			t.Run(kind+", "+name, func(t *testing.T) {
				echo := form(secret)
				for _, text := range []string{echo, "you sent " + echo, echo + " isn't it", "<" + echo + ">", `{"a":"` + echo + `"}`} {
					require.Empty(t, testbed.LeftOf(echo, redact.Line(text, secret)), redact.Line(text, secret))
				}
			})
		}
	}
}

// TestEchoesCutShort: parts of 16 characters and more, from the beginning, the middle and the end, and each segment of a JWT.
func TestEchoesCutShort(t *testing.T) {
	secret := secrets()["JWT"]
	for _, length := range []int{16, 17, 20, 23, 24, 31, 64, 300} {
		for _, start := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 40, 41, len(secret) - length - 1, len(secret) - length} {
			part := secret[start : start+length]
			require.Equal(t, "cut [redacted] off", redact.Line("cut "+part+" off", secret), "%d from %d", length, start)
			require.Equal(t, "[redacted] only", redact.Line(part+" only", secret), "%d from %d", length, start)
			encoded := base64.RawURLEncoding.EncodeToString([]byte(secret))[start : start+length]
			require.Equal(t, "cut [redacted] off", redact.Line("cut "+encoded+" off", secret), "%d from %d of base64", length, start)
		}
	}
	require.Equal(t, "cut [redacted]", redact.Line("cut 66676A6B6C6D6E6F", "abcdefgjklmno"), "of hexadecimal")
	for _, segment := range strings.Split(secret, ".") {
		require.Equal(t, "a [redacted]", redact.Line("a "+segment, secret))
	}
	for _, text := range []string{"cut " + secret[:15], "AADSTS700016: Application with identifier '4c8e1b7d-2f36-49a5-8d0c-6b9f1e3a5d72' wasn't found"} {
		require.Equal(t, text, redact.Line(text, secret), "what is too short to be one is left")
	}
}

// TestEscapes: an echo is one whichever of its characters are escaped, and what only begins as an escape does is as it was.
func TestEscapes(t *testing.T) {
	for _, escape := range []string{
		"%2d", "%2D", "%252d", "%25252d", `\u002d`, `\u002D`, `\\u002d`, `\x2d`, "&#45;", "&#x2d;", "&#X2D;", "&#000045;", "&#" + strings.Repeat("0", 1000) + "45;", "&amp;#45;", " - ", "\n-",
	} {
		require.Equal(t, "sent [redacted]!", redact.Line("sent ABCD"+escape+"EFGHIJKLMNOPQRST!", "ABCD-EFGHIJKLMNOPQRST"), escape)
	}
	for secret, echo := range map[string]string{
		`ABCD/EFGHIJKLMNOP`: `ABCD\/EFGHIJKLMNOP`, `ABCD"EFGHIJKLMNOP`: `ABCD\"EFGHIJKLMNOP`, `ABCD\EFGHIJKLMNOP`: `ABCD\\EFGHIJKLMNOP`,
		"ABCD<>EFGHIJKLMNOP": "ABCD&lt;&gt;EFGHIJKLMNOP", `ABCD&"EFGHIJKLMNOP`: "ABCD&amp;&quot;EFGHIJKLMNOP",
		"ABCD!~EFGHIJKLMNOP": "ABCD%21%7eEFGHIJKLMNOP", "ABCD+/EFGHIJKLMNOP": "ABCD-_EFGHIJKLMNOP", "ABCD!~EFGHIJKLMNOQ": "ABCD&#33;&#126;EFGHIJKLMNOQ",
	} {
		require.Equal(t, "sent [redacted]!", redact.Line("sent "+echo+"!", secret), echo)
	}
	for _, text := range []string{
		"%", "%2", `\`, `\u`, `\u00`, `\u002`, `\u0`, `\x`, `\x2`, "&", "&#", "&#4", "&#45", "&#;", "&#x;", "&#x", "&45;", "&x45;", "&;", "&am",
	} {
		require.Equal(t, text, redact.Line(text, "ABCDEFGH-IJKLMNO"))
		require.Equal(t, "ABCDEFGH"+text+"IJKLMNO", redact.Line("ABCDEFGH"+text+"IJKLMNO", "ABCDEFGH-IJKLMNO"))
	}
	for _, text := range []string{`\u012d`, `\u102d`, `\x2e`, "%2e", "%2525252d", "%zz", "&#256;", "&#46;", "&#y2d;", "%20", "%7f", `\n`} {
		require.Equal(t, "ABCDEFGH"+text+"IJKLMNO", redact.Line("ABCDEFGH"+text+"IJKLMNO", "ABCDEFGH-IJKLMNO"), "another character")
	}
	require.Equal(t, "[redacted]", redact.Line("1234%2d678", "1234-678"), "of a short secret")
	for echo, secret := range map[string]string{ // of a short secret whose last character only begins as an escape does
		`pass\/word% it`: "pass/word%", `pass\/word%20`: "pass/word%", `pass\/word\ it`: `pass/word\`, `pass\/word& it`: "pass/word&", `pass\/word&#32;`: "pass/word&",
		`pass\/word%01`: "pass/word%", `pass\/word&#1;`: "pass/word&",
	} {
		require.Equal(t, "sent [redacted]"+echo[len(`pass\/word%`):], redact.Line("sent "+echo, secret))
	}
	for escape, c := range map[string]string{`\/`: "/", `\x2d`: "-", `\u002d`: "-", "%2d": "-", "&#45;": "-"} {
		require.Equal(t, "sent [redacted]", redact.Line("sent ABCDEFGHIJKLMNO"+escape, "ABCDEFGHIJKLMNO"+c), "at the end")
	}
}

// TestEchoesSideBySide are found each, and one that together with what stands before it looks like an escape.
func TestEchoesSideBySide(t *testing.T) {
	const one, other = "the-secret-of-one", "what-the-other-has"
	require.Equal(t, "[redacted][redacted]", redact.Line(one+other, one, other))
	require.Equal(t, "[redacted][redacted]!", redact.Line(hex.EncodeToString([]byte(one))+hex.EncodeToString([]byte(other))+"!", one, other))
	digits := hex.EncodeToString([]byte("in one another's place, or more"))
	require.Equal(t, "[redacted]!", redact.Line(digits+"!", "in one another's", "another's place, or more"), "that overlap")
	const beginning, whole = "how a longer one begins", "how a longer one begins: so"
	for _, known := range [][]string{{beginning, whole}, {whole, beginning}} {
		require.Equal(t, "you have sent [redacted]!", redact.Line("you have sent "+hex.EncodeToString([]byte(whole))+"!", known...))
	}
	require.Equal(t, "%[redacted]", redact.Line("%2dABCDEFGHIJKL", "2dABCDEFGHIJKL"))
	require.Equal(t, "[redacted]", redact.Line("12345678", "12345678"))
	require.Equal(t, "1234567", redact.Line("1234567", "1234567"), "too short for a secret")
	for _, text := range []string{"the quick brown fox jumps over the lazy dog", "AADSTS700016: Application with identifier 'x' was not found in the directory"} {
		require.Equal(t, text, redact.Line(text, "12345678", "abcdefghi"))
	}
	require.Equal(t, "not 1234567890", redact.Line("not 1234567890", "12345678901"), "a short secret is known whole")
}

// TestSecretsThatRepeatThemselves are found whole, and cost no more time.
func TestSecretsThatRepeatThemselves(t *testing.T) {
	secret := strings.Repeat("A", 2000) + "end"
	require.Equal(t, "[redacted]", redact.Line(secret, secret))
	require.Equal(t, "sent [redacted]!", redact.Line("sent "+strings.Repeat("A", 500)+"!", secret))
}

// TestEveryShortSecretIsFound wherever it comes to stand among all that is looked up.
func TestEveryShortSecretIsFound(t *testing.T) {
	for n := range 200 {
		require.Equal(t, "sent [redacted]", redact.Line(fmt.Sprintf("sent %03d%%2dabcd", n), fmt.Sprintf("%03d-abcd", n)))
	}
}

// TestAHugeSecret is sought by its beginning, so that it costs no more memory.
func TestAHugeSecret(t *testing.T) {
	secret := strings.Repeat("a secret without end ", 1<<16)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.Equal(t, "sent [redacted]", redact.Line("sent "+secret[:100], secret))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
}

func TestUnknownJWTs(t *testing.T) {
	for _, jwt := range []string{
		"eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl", "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJtZS", "eyJ0eXAiOiJKV1QifQ.",
		"eyJhbGciOiJSU0EtT0FFUCJ9.a2V5.aXY.Y2lwaGVy.dGFn",
	} {
		require.Equal(t, "got [redacted]", redact.Line("got "+jwt))
	}
}

// notOfTokens holds for what no kind of token has, with which one could look like an escape of another.
func notOfTokens(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`\%&`, r) }

func FuzzEchoes(f *testing.F) {
	f.Add("a secret of some length", "before ", " after", 3)
	f.Fuzz(func(t *testing.T, secret, before, after string, form int) {
		names := []string{"as it is", "base64", "base64url", "query", "JSON", "hexadecimal"}
		name := names[uint(form)%uint(len(names))]
		if secret = strings.TrimSpace(secret); len(secret) < 16 || len(secret) > 1000 || len(before)+len(after) > 1000 || overlaps(secret) {
			t.Skip()
		}
		echo := testbed.Echoes[name](secret)
		if strings.Contains(before+after, echo[:8]) || strings.ContainsFunc(secret, notOfTokens) {
			t.Skip()
		}
		require.NotContains(t, redact.Text(before+echo+after, secret), echo, name)
	})
}
