package azoidc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/azoidc/azoidc/internal/redact"
)

// Claims are some of an assertion's claims: those that Microsoft Entra compares with an application's federated
// identity credentials, and those that say when the assertion can be used. None of them is secret.
type Claims struct {
	Issuer, Subject, ID            string
	Audience                       []string
	IssuedAt, NotBefore, ExpiresAt time.Time // zero when absent
	JobWorkflowRef                 string    // of a reusable workflow; GitHub only
	// RepositoryID and RepositoryOwnerID stay what they are when names change. GitHub only.
	RepositoryID, RepositoryOwnerID string
}

// ParseClaims decodes the claims of assertion, a JWT in the compact form of RFC 7519. It verifies no signature: only
// Microsoft Entra decides whether to trust an assertion. Its error never quotes the assertion.
func ParseClaims(assertion string) (Claims, error) {
	segments := strings.Split(assertion, ".")
	if len(segments) != 3 {
		return Claims{}, fmt.Errorf("not a JWT: %s", shape(assertion, len(segments)))
	}
	var header map[string]any
	if err := decodeSegment(segments[0], &header); err != nil {
		return Claims{}, fmt.Errorf("not a JWT: its header %w", err)
	}
	var payload struct {
		Issuer         string           `json:"iss"`
		Subject        string           `json:"sub"`
		ID             string           `json:"jti"`
		Audience       jwt.ClaimStrings `json:"aud"`
		IssuedAt       claimDate        `json:"iat"`
		NotBefore      claimDate        `json:"nbf"`
		ExpiresAt      claimDate        `json:"exp"`
		JobWorkflowRef string           `json:"job_workflow_ref"`
		RepositoryID   identifier       `json:"repository_id"`
		OwnerID        identifier       `json:"repository_owner_id"`
	}
	if err := decodeSegment(segments[1], &payload); err != nil {
		return Claims{}, fmt.Errorf("not a JWT: its payload %w", err)
	}
	if checkAlphabet(segments[2]) != nil {
		return Claims{}, errors.New("not a JWT: its signature isn't base64url")
	}
	return Claims{
		Issuer:            payload.Issuer,
		Subject:           payload.Subject,
		ID:                payload.ID,
		Audience:          payload.Audience,
		IssuedAt:          payload.IssuedAt.UTC(),
		NotBefore:         payload.NotBefore.UTC(),
		ExpiresAt:         payload.ExpiresAt.UTC(),
		JobWorkflowRef:    payload.JobWorkflowRef,
		RepositoryID:      string(payload.RepositoryID),
		RepositoryOwnerID: string(payload.OwnerID),
	}, nil
}

// shown returns a copy of c in which all text has passed the gate; nil for nil.
func (c *Claims) shown() *Claims {
	if c == nil {
		return nil
	}
	shown := *c
	for _, text := range []*string{&shown.Issuer, &shown.Subject, &shown.ID, &shown.JobWorkflowRef} {
		*text = redact.Line(*text)
	}
	shown.Audience = shownList(c.Audience)
	return &shown
}

// Format prints the claims in a form that is fit for a log: nothing that an issuer wrote into them is taken for a
// command by the CI system that reads the log.
func (c Claims) Format(s fmt.State, verb rune) {
	type shown Claims
	redact.FormatStruct(s, verb, c, shown(*c.shown()))
}

// checkAlphabet refuses what no JWT holds.
// https://www.rfc-editor.org/rfc/rfc7515#section-3.1
func checkAlphabet(jwt string) error {
	foreign := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.=", r))
	}
	if strings.ContainsFunc(jwt, foreign) {
		return errors.New("it holds characters that no JWT has")
	}
	return nil
}

func shape(assertion string, segments int) string {
	if assertion == "" {
		return "it is empty"
	}
	return fmt.Sprintf("%d bytes in %d dot-separated parts instead of 3", len(assertion), segments)
}

// decodeSegment keeps the decoders' own errors, which quote what they read, out of its error.
func decodeSegment(segment string, into any) error {
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(segment, "="))
	if err != nil || checkAlphabet(segment) != nil { // the decoder passes over line ends
		return errors.New("isn't base64url")
	}
	if !bytes.HasPrefix(bytes.TrimSpace(decoded), []byte("{")) || json.Unmarshal(decoded, into) != nil {
		return errors.New("isn't a JSON object with claims of the registered types")
	}
	return nil
}

// claimDate is a NumericDate within the years that a time can be written in.
type claimDate struct {
	jwt.NumericDate
}

func (d *claimDate) UnmarshalJSON(b []byte) error {
	if err := d.NumericDate.UnmarshalJSON(b); err != nil {
		return err
	}
	if year := d.UTC().Year(); year < 1 || year > 9999 {
		return errors.New("a date out of range")
	}
	return nil
}

// An identifier is a string of digits, as GitHub writes it, or a number, as others may. Anything else counts as absent.
type identifier string

func (i *identifier) UnmarshalJSON(b []byte) error {
	if text := strings.Trim(string(b), `"`); text != "" && strings.Trim(text, "0123456789") == "" {
		*i = identifier(text)
	}
	return nil
}
