package main

import (
	"io"
	"log"
	"strings"
)

// keepSecretsInside does what this process can, so that neither Go's own library nor the system writes down what it holds.
func (p *program) keepSecretsInside() {
	p.withCoreDumps = forbidCoreDumps()
	// With GODEBUG=http2debug, net/http writes every header and body to the standard logger, bearer tokens and assertions among
	// them. It reads the variable before main begins.
	log.SetOutput(io.Discard)
	if strings.Contains(p.env.get("GODEBUG"), "http2debug=") {
		p.log().Print("GODEBUG=http2debug isn't heeded here, because it writes tokens into the log; a command gets it as it is")
	}
}

// startAsItWas starts the command that exec runs, whose core dumps are its own affair.
func (p *program) startAsItWas(start func() error) error {
	if p.withCoreDumps == nil {
		return start()
	}
	return p.withCoreDumps(start)
}
