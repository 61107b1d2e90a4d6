package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// A handout is what the programs that come later need in their environment, as a difference to this program's.
type handout struct {
	Set     map[string]string `json:"set"`
	Unset   []string          `json:"unset,omitempty"`
	secrets []string          // to be masked
}

// The forms of a handout. The first two are those of the systems' own.
const (
	formGitHub     = "github"
	formAzure      = "azure"
	formSh         = "sh"
	formPowerShell = "powershell"
	formJSON       = "json"
)

// handoutForm is the form for where this program runs, until the flag says otherwise.
func (p *program) handoutForm() *form {
	f := &form{value: formSh, values: []string{formGitHub, formAzure, formSh, formPowerShell, formJSON}}
	switch {
	case ci.Running(p.env.Get) == ci.GitHubActions:
		f.value = formGitHub
	case ci.Running(p.env.Get) == ci.AzurePipelines:
		f.value = formAzure
	case runtime.GOOS == "windows":
		f.value = formPowerShell
	}
	return f
}

// newHandout leaves the request variables to the CI systems: each step has them of the system itself. With -request-endpoint
// that is so for GitHub's own names, too: its runner sets them over what the environment file says, but act doesn't, and there a step
// would lose the audiences that aren't allowed.
func newHandout(env ci.Variables, s *supply, form string, keepRequestToken bool) handout {
	after := childEnvironment(env, s, keepRequestToken || form == formGitHub || form == formAzure)
	h := handout{Set: map[string]string{}, secrets: s.secrets}
	for _, variable := range after {
		name, value, _ := strings.Cut(variable, "=")
		if before, _ := env.Look(name); name != "" && value != before {
			h.Set[name] = value
		}
	}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if _, kept := after.Look(name); value != "" && !kept {
			h.Unset = append(h.Unset, name)
		}
	}
	if _, ok := env.Look(ci.GitHubActions.RequestURL); ok && form == formGitHub {
		delete(h.Set, ci.GitHubActions.RequestURL)
		delete(h.Set, ci.GitHubActions.RequestToken)
	}
	slices.Sort(h.Unset)
	h.Unset = slices.Compact(h.Unset)
	return h
}

// canGive finds out early what give would fail for.
func (p *program) canGive(form string) error {
	if file := ci.GitHubActions.ExportFile; form == formGitHub && p.env.Get(file) == "" {
		return fmt.Errorf("%s isn't set: -o %s is for the steps of a job of %s", file, form, ci.GitHubActions.Name)
	}
	return nil
}

// give gives the variables to whoever comes later, once the log will mask what is secret in them.
func (p *program) give(h handout, form string) error {
	switch form {
	case formGitHub:
		return p.export(ci.GitHubActions, h)
	case formAzure:
		return p.export(ci.AzurePipelines, h)
	}
	text, err := h.lines(form)
	if err != nil {
		return err
	}
	for _, secret := range h.secrets {
		if err := p.mask(secret); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(p.direct.stdout, text)
	return err
}

// export has masks and variables on the same stream, for the systems read the two streams independently.
func (p *program) export(system *ci.System, h handout) error {
	var masks, variables strings.Builder
	for _, secret := range h.secrets {
		masks.WriteString(system.Mask(secret) + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(h.Set)) {
		variables.WriteString(system.Export(name, h.Set[name]))
	}
	for _, name := range h.Unset { // SDKs take an empty variable for none
		variables.WriteString(system.Export(name, ""))
	}
	if system.ExportFile == "" {
		_, err := fmt.Fprint(p.direct.stdout, masks.String()+variables.String())
		return err
	}
	if _, err := fmt.Fprint(p.direct.stdout, masks.String()); err != nil {
		return err
	}
	return appendTo(p.env.Get(system.ExportFile), variables.String())
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return redact.Error(err)
	}
	_, err = file.WriteString(text)
	return redact.Error(errors.Join(err, file.Close()))
}

// lines are for a shell's eval, or for a program.
func (h handout) lines(form string) (string, error) {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h.Set)) {
		value := h.Set[name]
		if strings.ContainsAny(value, "\r\n") || redact.Text(value) != value {
			return "", fmt.Errorf("the value of %s holds what a log could take for a command, or what can't be seen: -o %s can't print it", name, form)
		}
		switch form {
		case formSh:
			fmt.Fprintf(&text, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
		case formPowerShell:
			fmt.Fprintf(&text, "$env:%s = %s\n", name, advice.QuoteForPowerShell(value))
		}
	}
	for _, name := range h.Unset {
		switch form {
		case formSh:
			fmt.Fprintf(&text, "unset %s\n", name)
		case formPowerShell:
			fmt.Fprintf(&text, "Remove-Item Env:%s -ErrorAction SilentlyContinue\n", name)
		}
	}
	if form == formJSON {
		err := writeJSON(&text, h)
		return text.String(), err
	}
	return text.String(), nil
}
