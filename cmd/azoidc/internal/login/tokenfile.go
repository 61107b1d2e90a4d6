package login

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/redact"
)

const (
	// slowestReader is how often Azure SDKs for Go and Python read AZURE_FEDERATED_TOKEN_FILE; others read it every 5
	// minutes, Terraform once.
	slowestReader = 10 * time.Minute
	// A token is replaced when half of its life is over, but not sooner than this: a CI system may hand out tokens that
	// are about to end.
	soonestRenewal = time.Second
	// unknownRenewal is for tokens that don't tell their end.
	unknownRenewal = time.Minute
	// failedRenewal is how soon a renewal is tried again at the earliest.
	failedRenewal = 5 * time.Second
)

// A TokenFile always holds an OIDC token that isn't over.
type TokenFile struct {
	folder    *tokenFolder
	Path      string
	assertion azoidc.AssertionFunc
	log       *log.Logger
	ends      time.Time // of the token in the file; zero when it doesn't say
}

// NewTokenFile makes a file, in a folder of its own, with an OIDC token in it that assertion requests.
func NewTokenFile(ctx context.Context, assertion azoidc.AssertionFunc, log *log.Logger) (*TokenFile, error) {
	folder, err := newTokenFolder()
	if err != nil {
		return nil, err
	}
	file := &TokenFile{folder: folder, Path: folder.token(), assertion: assertion, log: log}
	if err := file.renew(ctx); err != nil {
		folder.remove()
		return nil, err
	}
	file.warn()
	return file, nil
}

// Remove removes it with its folder.
func (f *TokenFile) Remove() { f.folder.remove() }

// renew replaces the file with one that holds a new token, so that readers see either.
func (f *TokenFile) renew(ctx context.Context) error {
	jwt, err := f.assertion(ctx)
	if err != nil {
		return err
	}
	claims, err := azoidc.ParseClaims(jwt)
	if err != nil {
		return fmt.Errorf("the CI system's OIDC token: %w", err)
	}
	if err := replace(f.Path, jwt); err != nil {
		return redact.Error(err) // its path is the environment's
	}
	f.ends = claims.ExpiresAt
	return nil
}

// replace writes no newline: the SDKs for Go and Python would take it for a part of the token.
func replace(path, content string) error {
	file, err := os.CreateTemp(filepath.Dir(path), "new-*") // 0600
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // it's tried again and again; what can't be removed goes with the folder
	}
	return err
}

// warn tells that a fresh file doesn't help programs that don't read it again in time.
func (f *TokenFile) warn() {
	if life := time.Until(f.ends); !f.ends.IsZero() && life < slowestReader {
		f.log.Printf("warning: the OIDC token in AZURE_FEDERATED_TOKEN_FILE lives %s. The file is kept fresh, but Azure SDKs read it again only "+
			"every 5 minutes (JavaScript, .NET, Java) or 10 (Go, Python), Terraform never: they may fail with AADSTS700024. "+
			"Without -token-file all of them are served tokens for as long as the command runs", life.Round(time.Second))
	}
}

// KeepFresh renews the file until ctx ends.
func (f *TokenFile) KeepFresh(ctx context.Context) error {
	timer := time.NewTimer(f.untilRenewal())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		err := f.renew(ctx)
		next := f.untilRenewal()
		if err != nil && ctx.Err() == nil {
			f.log.Printf("AZURE_FEDERATED_TOKEN_FILE couldn't be renewed, which is tried again: %v", err)
			next = max(next, failedRenewal)
		}
		timer.Reset(next)
	}
}

func (f *TokenFile) untilRenewal() time.Duration {
	if f.ends.IsZero() {
		return unknownRenewal
	}
	return max(time.Until(f.ends)/2, soonestRenewal)
}
