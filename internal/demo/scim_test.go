package demo_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// play runs a demo on the data directory for as long as do takes.
func play(t *testing.T, dir string, do func(demo.Facts)) {
	t.Helper()
	run(t, demo.Options{Data: dir}, func(d *demo.Demo) { do(d.Facts()) })
}

// run runs a demo for as long as do takes.
func run(t *testing.T, o demo.Options, do func(*demo.Demo)) {
	t.Helper()
	o.Addr, o.Exact, o.Now = "127.0.0.1:0", true, time.Now
	d, err := demo.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	cfg, err := config.Load(d.ConfigFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	broker, err := app.Start(t.Context(), cfg, app.Options{Listener: d.Listener(), Log: discard{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = broker.Stop() }()
	if err := d.Populate(t.Context(), broker.Socket()); err != nil {
		t.Fatal(err)
	}
	do(d)
}

// ask sends a request with a bearer token and decodes what comes back.
func ask(t *testing.T, token, method, address, body string) (status int, answer struct {
	Total int `json:"totalResults"`
	Items []struct{ ID, Name string }
},
) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	return res.StatusCode, answer
}

func TestEachSCIMTokenOfTheFactsOpensItsConnectionAlone(t *testing.T) {
	play(t, folder(t), func(f demo.Facts) {
		var names []string
		for _, own := range f.SCIM {
			names = append(names, own.Connection)
			if own.BaseURL != f.Issuer+"/scim/v2/"+own.Connection {
				t.Errorf("%s is at %s", own.Connection, own.BaseURL)
			}
			for _, at := range f.SCIM {
				status, _ := ask(t, own.Token, http.MethodGet, at.BaseURL+"/Users", "")
				if own == at && status != http.StatusOK || own != at && status != http.StatusUnauthorized {
					t.Errorf("the token of %s gets %d at %s", own.Connection, status, at.Connection)
				}
			}
		}
		if !slices.Equal(names, []string{"acme", "sandbox", "other"}) {
			t.Fatalf("the facts tell of %v", names)
		}
		sandbox, other := f.SCIM[1], f.SCIM[2]
		user := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"grace"}`
		if status, _ := ask(t, sandbox.Token, http.MethodPost, sandbox.BaseURL+"/Users", user); status != http.StatusCreated {
			t.Fatalf("a user is refused: %d", status)
		}
		for at, want := range map[demo.FactSCIM]int{sandbox: 1, other: 0, f.SCIM[0]: 0} {
			if _, found := ask(t, at.Token, http.MethodGet, at.BaseURL+"/Users?filter=userName+eq+%22grace%22", ""); found.Total != want {
				t.Errorf("%s finds %d, want %d", at.Connection, found.Total, want)
			}
		}
	})
}

func TestARestartKeepsTheSCIMTokensAndDoesNotPileThemUp(t *testing.T) {
	dir := folder(t)
	var first []demo.FactSCIM
	play(t, dir, func(f demo.Facts) { first = f.SCIM })
	play(t, dir, func(f demo.Facts) {
		if !slices.Equal(f.SCIM, first) {
			t.Errorf("the facts were %v and are %v", first, f.SCIM)
		}
		for _, own := range f.SCIM {
			if _, there := ask(t, f.Admin.APIToken, http.MethodGet, f.Issuer+"/api/v1/connections/"+own.Connection+"/scim/tokens", ""); len(there.Items) != 1 {
				t.Errorf("%s has the tokens %v", own.Connection, there.Items)
			}
			if status, _ := ask(t, own.Token, http.MethodGet, own.BaseURL+"/Users", ""); status != http.StatusOK {
				t.Errorf("the token of %s gets %d after a restart", own.Connection, status)
			}
		}
	})
}

// What an administrator did to a connection whose token the demo had does not keep the
// demo from starting.
func TestAConnectionThatCanHaveNoTokenIsLeftOutOfTheFacts(t *testing.T) {
	for what, do := range map[string]func(token, of string){
		"disabled": func(token, of string) { manage(t, token, http.MethodPost, of+"/disable", "") },
		"with two tokens": func(token, of string) {
			for range 2 {
				manage(t, token, http.MethodPost, of+"/scim/tokens", `{"name":"mine"}`)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := folder(t)
			play(t, dir, func(f demo.Facts) {
				of := f.Issuer + "/api/v1/connections/sandbox"
				_, there := ask(t, f.Admin.APIToken, http.MethodGet, of+"/scim/tokens", "")
				for _, token := range there.Items {
					manage(t, f.Admin.APIToken, http.MethodDelete, of+"/scim/tokens/"+token.ID, "")
				}
				do(f.Admin.APIToken, of)
			})
			play(t, dir, func(f demo.Facts) {
				if len(f.SCIM) != 2 || f.SCIM[0].Connection != "acme" || f.SCIM[1].Connection != "other" {
					t.Errorf("the facts tell of %v", f.SCIM)
				}
			})
		})
	}
}

func TestATokenWhoseSecretWasLostGivesWayToAnother(t *testing.T) {
	dir := folder(t)
	var lost string
	play(t, dir, func(f demo.Facts) {
		lost = f.SCIM[1].Token
		manage(t, f.Admin.APIToken, http.MethodPost, f.Issuer+"/api/v1/connections/sandbox/scim/tokens", `{"name":"mine"}`)
	})
	forget(t, filepath.Join(dir, "demo.json"), "scim_tokens")
	play(t, dir, func(f demo.Facts) {
		sandbox := f.SCIM[1]
		if status, _ := ask(t, sandbox.Token, http.MethodGet, sandbox.BaseURL+"/Users", ""); sandbox.Token == lost || status != http.StatusOK {
			t.Errorf("the new token gets %d", status)
		}
		if status, _ := ask(t, lost, http.MethodGet, sandbox.BaseURL+"/Users", ""); status != http.StatusUnauthorized {
			t.Errorf("the lost one gets %d", status)
		}
		_, there := ask(t, f.Admin.APIToken, http.MethodGet, f.Issuer+"/api/v1/connections/sandbox/scim/tokens", "")
		if len(there.Items) != 2 {
			t.Errorf("there are %v", there.Items)
		}
	})
}

// forget takes a key out of a file of JSON.
func forget(t *testing.T, file, key string) {
	t.Helper()
	body, err := os.ReadFile(file)
	var of map[string]any
	if err == nil {
		err = json.Unmarshal(body, &of)
	}
	if err != nil || of[key] == nil {
		t.Fatalf("%s: %v, %v", file, err, of[key])
	}
	delete(of, key)
	if body, err = json.Marshal(of); err == nil {
		err = os.WriteFile(file, body, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// manage sends a request to the management API.
func manage(t *testing.T, token, method, address, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _ = res.Body.Close(); res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s", method, address, res.Status)
	}
}
