package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// outsideItsTime is Entra's code for an assertion that has ended.
const outsideItsTime = "AADSTS700024"

var code = regexp.MustCompile(`AADSTS[0-9]+`)

// codeOf is Entra's code in the error; "" when there is none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return code.FindString(err.Error())
}

// sentence is the first one of what Entra said; the whole error when it said nothing.
func sentence(err error) string {
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil {
		return err.Error()
	}
	var answer struct {
		Description string `json:"error_description"`
	}
	body, _ := runtime.Payload(failed.RawResponse)
	if json.Unmarshal(body, &answer) != nil || answer.Description == "" {
		return err.Error()
	}
	first, _, _ := strings.Cut(answer.Description, ". ")
	return first + "."
}

// tellFailures prints why deployments failed, once when it's the same for all.
func tellFailures(out io.Writer, deployments []*deployment) {
	told := map[string]bool{}
	for _, d := range deployments {
		if d.err == nil || told[sentence(d.err)] {
			continue
		}
		told[sentence(d.err)] = true
		fmt.Fprintf(out, "\n  %s\n", sentence(d.err))
	}
}
