package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// pusher is the manifest of a program that pushes people over the connections named by
// its scopes.
const pusher = `apiVersion: marketplace/v1alpha1
kind: MicroApp
metadata: {name: pusher, title: Pusher, description: Pushes people and groups.}
spec:
  version: 1.0.0
  owner: {team: people-tools, primary: ada@acme.example, contacts: {chat: "#people-tools"}}
  entitlements: [{name: user, description: Use it, groups: [people-tools]}]
  identity:
    protocol: oidc
    oidc:
      clientId: microapp-pusher
      grantTypes: [client_credentials]
      tokenEndpointAuthMethod: client_secret_basic
      scopes: [{name: "scim:pushes"}, {name: "scim:quiet"}, {name: "scim:nobody"}]
`

// startPushed starts a demo with one more connection that people and groups are pushed
// over, and one that has no SCIM.
func startPushed(t *testing.T, changes ...func(*config.Config)) (s *stage, secret string) {
	t.Helper()
	s = startDemoAt(t, tempDir(t), nil, time.Now, append(changes, func(c *config.Config) {
		c.Connections = append(c.Connections, config.Connection{
			ID: "pushes", Type: config.TypeSCIM, SCIM: config.SCIM{Provisioning: config.ProvisioningSCIM, Guard: config.Guard{Share: 100}, Extensions: []config.Extension{{
				Resource: "User", ID: "urn:acme:scim:2.0:Badge", Name: "Badge", Attributes: []config.Attribute{{Name: "number", Type: "integer"}},
			}}},
		})
		quiet := c.Connections[0]
		quiet.ID, quiet.Domains, quiet.SCIM.Provisioning = "quiet", nil, config.ProvisioningJIT
		c.Connections = append(c.Connections, quiet)
	})...)
	var made struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(s.manage(t, http.MethodPut, "/apps/pusher", []byte(pusher)), &made); err != nil || made.Secret == "" {
		t.Fatalf("no secret was made: %v", err)
	}
	return s, made.Secret
}

// pushToken asks for an access token for a connection's SCIM. It is empty when there is
// none for the asking.
func (s *stage) pushToken(t *testing.T, secret, connection, scope string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {s.Facts().Issuer + "/scim/v2/" + connection}, "scope": {scope}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Facts().Issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("microapp-pusher", secret)
	_, body := exchange(t, r)
	var got struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	return got.Access
}

// exchange sends a request and returns the answer's status and body.
func exchange(t *testing.T, r *http.Request) (int, []byte) {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if closed := res.Body.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	return res.StatusCode, body
}

// push sends a SCIM request to a connection.
func (s *stage) push(t *testing.T, token, connection, method, path, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.Facts().Issuer+"/scim/v2/"+connection+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", scim.MediaType)
	status, raw := exchange(t, r)
	var of map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &of); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return status, of
}

func TestAClientPushesWithATokenForItsConnectionAlone(t *testing.T) {
	s, secret := startPushed(t)
	good := s.pushToken(t, secret, "pushes", "scim:pushes")
	if status, of := s.push(t, good, "pushes", http.MethodGet, "/Users", ""); status != http.StatusOK {
		t.Fatalf("with a token for it: %d %v", status, of)
	}
	for what, c := range map[string]struct {
		token, connection string
		status            int
	}{
		"another connection":      {good, "other", http.StatusUnauthorized},
		"one without SCIM":        {good, "quiet", http.StatusUnauthorized},
		"one that is not there":   {good, "nobody", http.StatusUnauthorized},
		"a token without a scope": {s.pushToken(t, secret, "pushes", ""), "pushes", http.StatusUnauthorized},
		"a token that is cut":     {good[:len(good)-1], "pushes", http.StatusUnauthorized},
		"a token of another kind": {s.Facts().Admin.APIToken, "pushes", http.StatusUnauthorized},
	} {
		if status, of := s.push(t, c.token, c.connection, http.MethodGet, "/Users", ""); c.token == "" || status != c.status {
			t.Errorf("%s: %d %v", what, status, of)
		}
	}
	for _, scope := range []string{"scim:other", "scim:pushes scim:other"} {
		if token := s.pushToken(t, secret, "other", scope); token != "" {
			t.Errorf("a client has %s, which its manifest does not name", scope)
		}
	}
	if token := s.pushToken(t, secret, "nobody", "scim:nobody"); token != "" {
		t.Error("there is a token for a connection that is not there")
	}
	if status, of := s.push(t, s.pushToken(t, secret, "quiet", "scim:quiet"), "quiet", http.MethodGet, "/Users", ""); status != http.StatusForbidden {
		t.Errorf("a connection without SCIM, with a token for it: %d %v", status, of)
	}
	s.manage(t, http.MethodPost, "/apps/pusher/disable", nil)
	if status, of := s.push(t, good, "pushes", http.MethodGet, "/Users", ""); status != http.StatusUnauthorized {
		t.Errorf("when its app is disabled: %d %v", status, of)
	}
}

func TestADisabledConnectionTakesNothing(t *testing.T) {
	s, secret := startPushed(t)
	token := s.pushToken(t, secret, "pushes", "scim:pushes")
	if status, _ := s.push(t, token, "pushes", http.MethodGet, "/Users", ""); status != http.StatusOK {
		t.Fatalf("before: %d", status)
	}
	s.manage(t, http.MethodPost, "/connections/pushes/disable", nil)
	if status, of := s.push(t, token, "pushes", http.MethodGet, "/Users", ""); status != http.StatusForbidden {
		t.Errorf("after: %d %v", status, of)
	}
}

// pythonTools installs the independent client once, from the list of its versions.
var pythonTools = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gatehouse-python-")
	if err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", dir}, {filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join("python", "requirements.txt")},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return dir, fmt.Errorf("%s: %w: %s", command, err, out)
		}
	}
	return dir, nil
})

func TestAnIndependentClientFindsNothingToComplainOf(t *testing.T) {
	t.Parallel()
	tools, err := pythonTools()
	t.Cleanup(func() { _ = os.RemoveAll(tools) }) // in the temporary folder anyway
	if err != nil {
		t.Fatalf("`make test` installs Python: %v", err)
	}
	for engine, change := range map[string]func(*config.Config){
		"sqlite": func(*config.Config) {},
		"postgres": func(c *config.Config) {
			c.Database = config.Database{Driver: "postgres", DSN: config.Secret(testkit.Postgres(t))}
		},
	} {
		t.Run(engine, func(t *testing.T) {
			s, secret := startPushed(t, change)
			cmd := exec.CommandContext(t.Context(), filepath.Join(tools, "bin", "python"), filepath.Join("python", "scim.py"), s.Facts().Issuer+"/scim/v2/pushes")
			cmd.Env = append(os.Environ(), "SCIM_TOKEN="+s.pushToken(t, secret, "pushes", "scim:pushes"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("scim2-tester: %v\n%s", err, out)
			}
			t.Logf("%s", bytes.TrimSpace(out))
		})
	}
}

func TestTheDemoTellsOfItsConnectionsForSCIMClients(t *testing.T) {
	dir := tempDir(t)
	s := startDemo(t, dir, nil)
	told := s.Facts().SCIM
	if len(told) != 3 {
		t.Fatalf("it tells of %v", told)
	}
	for i, f := range told {
		if f.BaseURL != s.Facts().Issuer+"/scim/v2/"+f.Connection || f.Token == "" {
			t.Errorf("it tells of %s at %s", f.Connection, f.BaseURL)
		}
		people := 0
		if f.Connection == "acme" {
			people = len(s.Facts().IDPs[0].People)
		}
		if status, of := s.push(t, f.Token, f.Connection, http.MethodGet, "/Users", ""); status != http.StatusOK || of["totalResults"] != float64(people) {
			t.Errorf("%s: %d %v", f.Connection, status, of)
		}
		if status, of := s.push(t, f.Token, told[(i+1)%len(told)].Connection, http.MethodGet, "/Users", ""); status != http.StatusUnauthorized {
			t.Errorf("the token of %s opens another connection: %d %v", f.Connection, status, of)
		}
	}
	if strings.Contains(s.log.String(), told[0].Token) {
		t.Error("a token is in the log")
	}
}

// TestAGroupIsPushedThatIsLargerThanOtherRequestsMayBe goes through everything that a
// request goes through: SCIM takes more than others do, and says how much.
func TestAGroupIsPushedThatIsLargerThanOtherRequestsMayBe(t *testing.T) {
	s, secret := startPushed(t)
	token := s.pushToken(t, secret, "pushes", "scim:pushes")
	most := int(scim.DefaultLimits().Payload)
	group := func(size int) string {
		head, tail := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"large","members":[{"value":"nobody","display":"`, `"}]}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	if status, of := s.push(t, token, "pushes", http.MethodPost, "/Groups", group(most)); status != http.StatusCreated {
		t.Errorf("as large as may be: %d %v", status, of)
	}
	if status, of := s.push(t, token, "pushes", http.MethodPost, "/Groups", group(most+1)); status != http.StatusRequestEntityTooLarge || of["status"] != "413" {
		t.Errorf("one byte more: %d %v", status, of)
	}
}
