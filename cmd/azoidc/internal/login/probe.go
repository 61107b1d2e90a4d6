package login

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/azoidc/azoidc/internal/advice"
)

// A prober knows a request to a service that needs a token of the service's and no role.
type prober struct {
	address string
	judge   func(e *examination, status int, body []byte, token string) (string, error)
}

// probers by the host of the scope's resource.
var probers = map[string]prober{
	"management.azure.com":              {"https://management.azure.com" + subscriptionsPath, judgeSubscriptions},
	"management.core.windows.net":       {"https://management.azure.com" + subscriptionsPath, judgeSubscriptions},
	"management.usgovcloudapi.net":      {"https://management.usgovcloudapi.net" + subscriptionsPath, judgeSubscriptions},
	"management.core.usgovcloudapi.net": {"https://management.usgovcloudapi.net" + subscriptionsPath, judgeSubscriptions},
	"management.chinacloudapi.cn":       {"https://management.chinacloudapi.cn" + subscriptionsPath, judgeSubscriptions},
	"management.core.chinacloudapi.cn":  {"https://management.chinacloudapi.cn" + subscriptionsPath, judgeSubscriptions},
	"graph.microsoft.com":               {"https://graph.microsoft.com" + organizationPath, judgeGraph},
	"graph.microsoft.us":                {"https://graph.microsoft.us" + organizationPath, judgeGraph},
	"microsoftgraph.chinacloudapi.cn":   {"https://microsoftgraph.chinacloudapi.cn" + organizationPath, judgeGraph},
}

const (
	// https://learn.microsoft.com/rest/api/resources/subscriptions/list
	subscriptionsPath = "/subscriptions?api-version=2022-12-01"
	// https://learn.microsoft.com/graph/api/organization-list
	organizationPath = "/v1.0/organization?$select=id"
)

// probe asks the scope's service with the token.
func (e *examination) probe(ctx context.Context, scope, token string) (string, error) {
	if token == "" {
		return "", skipped("there is no token")
	}
	host, _ := hostOf(scope)
	if host == nil {
		return "", skipped("the scope names no host")
	}
	known, ok := probers[strings.ToLower(host.Hostname())]
	if !ok {
		return "", skipped("azoidc knows no request that needs no role for this scope")
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, known.address, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := e.clock.Do(request)
	if err != nil {
		return "", fmt.Errorf("no answer from %s: %s: %s", request.URL.Host, oneLine(err.Error()), advice.Network(err, ""))
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body) // outbound bounds it
	if err != nil {
		return "", err
	}
	if response.StatusCode == http.StatusUnauthorized {
		return "", fmt.Errorf("%s refuses the token (HTTP 401): %s", request.URL.Host, saidIn(body))
	}
	return known.judge(e, response.StatusCode, body, token)
}

// saidIn are a service's own words, which Resource Manager and Graph write alike.
func saidIn(body []byte) string {
	var document struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &document) != nil || document.Error.Code == "" {
		return "without a reason"
	}
	return oneLine(document.Error.Code + ": " + document.Error.Message)
}

func unexpected(status int, body []byte) error {
	return fmt.Errorf("the service answered HTTP %d: %s: try again later", status, saidIn(body))
}

func judgeSubscriptions(e *examination, status int, body []byte, _ string) (string, error) {
	var list struct {
		Value []struct {
			ID string `json:"subscriptionId"`
		} `json:"value"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &list) != nil {
		return "", unexpected(status, body)
	}
	wanted := e.env.First("AZURE_SUBSCRIPTION_ID", "ARM_SUBSCRIPTION_ID")
	for _, subscription := range list.Value {
		if wanted == "" || strings.EqualFold(subscription.ID, wanted) {
			return "Resource Manager takes the token and shows " + counted(len(list.Value)), nil
		}
	}
	target := wanted
	if target == "" {
		target = "SUBSCRIPTION_ID"
	}
	missing := "shows no subscription: the application has no role on any"
	if len(list.Value) > 0 {
		missing = fmt.Sprintf("shows %s, but not %s: the application has no role there", counted(len(list.Value)), oneLine(wanted))
	}
	return "", questionable("Resource Manager takes the token and " + missing + ". Assign one, Reader to read, Contributor to deploy:\n" +
		"az role assignment create --assignee " + advice.Quote(oneLine(e.login.ClientID)) + " --role Contributor --scope " + advice.Quote("/subscriptions/"+oneLine(target)))
}

func counted(subscriptions int) string {
	if subscriptions == 1 {
		return "1 subscription"
	}
	return fmt.Sprintf("%d subscriptions", subscriptions)
}

// judgeGraph is content with any answer but 401: without permission, Graph says 403.
func judgeGraph(_ *examination, status int, body []byte, token string) (string, error) {
	if status != http.StatusOK && status != http.StatusForbidden {
		return "", unexpected(status, body)
	}
	roles, err := rolesIn(token)
	if err != nil {
		return "Microsoft Graph takes the token", nil
	}
	if len(roles) == 0 {
		return "", questionable("Microsoft Graph takes the token, which holds no application permission: give the application those that it needs " +
			"(API permissions > Microsoft Graph > Application permissions, then grant admin consent)")
	}
	return "Microsoft Graph takes the token, with " + oneLine(strings.Join(roles, " ")), nil
}

// rolesIn are the application permissions in an access token of Microsoft Graph.
func rolesIn(token string) ([]string, error) {
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return nil, errors.New("not a JWT")
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(segments[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return nil, errors.New("not a JWT")
	}
	return claims.Roles, nil
}
