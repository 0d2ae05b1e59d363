package integration

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// overSocket posts as the operator.
func (a *attacker) overSocket(path, media, body string) (*http.Response, []byte) {
	a.t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", a.broker.Socket())
	}}}
	defer client.CloseIdleConnections()
	res, err := client.Post("http://broker"+path, media, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices {
		a.t.Fatalf("%s: %d %s %v", path, res.StatusCode, answer, err)
	}
	return res, answer
}

// apiToken makes a token that may read apps.
func apiToken(t *testing.T, a *attacker) string {
	t.Helper()
	var token struct{ Secret string }
	_, answer := a.overSocket("/api/v1/tokens", "application/json", `{"name":"robot","roles":["auditor"],"days":1}`)
	if err := json.Unmarshal(answer, &token); err != nil || token.Secret == "" {
		t.Fatalf("%s: %v", answer, err)
	}
	return token.Secret
}

// bearerStatus answers with the status that a token gets.
func bearerStatus(t *testing.T, a *attacker, path, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.Issuer()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := a.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
