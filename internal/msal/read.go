package msal

import (
	"context"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azoidc/azoidc/internal/outbound"
)

// A read is one request for a document. It outlives the caller who began it, with that one's values.
type read struct {
	cancel  context.CancelFunc
	done    chan struct{}
	waiting int // guarded by the documents' lock

	// Both are set before done is closed.
	answer answer
	err    error
}

func (d *Documents) begin(url string, req *policy.Request) *read {
	ctx, cancel := context.WithCancel(context.WithoutCancel(outbound.Apart(req.Raw().Context())))
	r := &read{cancel: cancel, done: make(chan struct{}), err: errGone}
	if d.reads == nil {
		d.reads = map[string]*read{}
	}
	d.reads[url] = r
	go func() {
		defer d.land(url, r)
		r.answer, r.err = send(req.Clone(ctx))
	}()
	return r
}

var errGone = errors.New("a policy or the transport ended its goroutine instead of returning")

func send(req *policy.Request) (a answer, err error) {
	defer func() {
		if panicked := outbound.PanicError(recover()); panicked != nil {
			err = panicked
		}
	}()
	resp, err := req.Next()
	if err != nil {
		return answer{}, err
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return answer{}, err
	}
	return answer{*resp, body}, nil
}
