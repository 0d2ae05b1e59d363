package integration

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// asAdmin asks the API on the network with the demo's token, or another one.
func (s *stage) asAdmin(t *testing.T, path, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Facts().Issuer+"/api/v1"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestTheDemosAPITokenOutlivesARestartAndIsInNoLog(t *testing.T) {
	dir, token := tempDir(t), ""
	t.Run("made", func(t *testing.T) {
		s := startDemo(t, dir, nil)
		token = s.Facts().Admin.APIToken
		if s.Facts().Admin.Username != "ada" || !strings.HasPrefix(token, "gha_") {
			t.Fatalf("%+v", s.Facts().Admin)
		}
		if status, body := s.asAdmin(t, "/me", token); status != http.StatusOK || !strings.Contains(body, `"roles":["admin"]`) {
			t.Errorf("%d %s", status, body)
		}
		if status, _ := s.asAdmin(t, "/me", token[:len(token)-2]); status != http.StatusUnauthorized {
			t.Errorf("cut off: %d", status)
		}
		if status, body := s.asAdmin(t, "/apps?format=jsonl", token); status != http.StatusOK || strings.Count(body, "\n") != len(s.Facts().Apps) {
			t.Errorf("%d %s", status, body)
		}
		if log := s.log.String(); strings.Contains(log, token[:20]) || !strings.Contains(log, "/api/v1/me") {
			t.Error("the token is in the log, or the request is not")
		}
	})
	t.Run("found again", func(t *testing.T) {
		s := startDemo(t, dir, nil)
		if s.Facts().Admin.APIToken != token {
			t.Error("another token after a restart")
		}
		if status, _ := s.asAdmin(t, "/me", token); status != http.StatusOK {
			t.Errorf("after a restart: %d", status)
		}
	})
}
