package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
	"github.com/gatehouse-io/gatehouse/internal/api"
)

// asks is what a broker that was played was asked.
type asks struct{ method, target, body, token, key string }

// play answers the CLI on a Unix socket by path; it returns what was asked.
func play(t *testing.T, status int, answer string) *[]asks {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var got []asks
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, asks{r.Method, r.URL.RequestURI(), string(body), r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key")})
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	t.Setenv("GATEHOUSE_SOCKET", socket)
	return &got
}

// output runs the command line and returns its exit code and standard output.
func output(t *testing.T, args ...string) (int, string) { return catch(t, &os.Stdout, args) }

// complaint returns its exit code and standard error.
func complaint(t *testing.T, args ...string) (int, string) { return catch(t, &os.Stderr, args) }

func catch(t *testing.T, stream **os.File, args []string) (int, string) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	real := *stream
	*stream = file
	code := run(args)
	*stream = real
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, string(out)
}

func TestCommandsAskWhatTheyDeclare(t *testing.T) {
	got := play(t, http.StatusOK, `{"items":[]}`)
	for line, want := range map[string]asks{
		"app list":                                      {method: "GET", target: "/api/v1/apps"},
		"app list two --disabled=false":                 {method: "GET", target: "/api/v1/apps?disabled=false&q=two"},
		"app list --sort=-name --limit 5":               {method: "GET", target: "/api/v1/apps?limit=5&sort=-name"},
		"app show a/b":                                  {method: "GET", target: "/api/v1/apps/a%2Fb"},
		"app remove x":                                  {method: "DELETE", target: "/api/v1/apps/x"},
		"app disable x --preview":                       {method: "GET", target: "/api/v1/apps/x/disable/preview"},
		"person sessions p":                             {method: "GET", target: "/api/v1/people/p/sessions"},
		"person sign-out p":                             {method: "DELETE", target: "/api/v1/people/p/sessions"},
		"grant withdraw p a":                            {method: "DELETE", target: "/api/v1/people/p/grants/a"},
		"group map acme g1 staff":                       {method: "PUT", target: "/api/v1/mappings/acme/g1", body: `{"name":"staff"}`},
		"group members acme g1":                         {method: "GET", target: "/api/v1/groups/acme/g1/members"},
		"session end s":                                 {method: "DELETE", target: "/api/v1/sessions/s"},
		"keys rotate ES256":                             {method: "POST", target: "/api/v1/keys/ES256/rotate"},
		"audit list --type key. --export csv":           {method: "GET", target: "/api/v1/audit?format=csv&type=key."},
		"role assign admin p":                           {method: "PUT", target: "/api/v1/roles/admin/people/p"},
		"change approve c":                              {method: "POST", target: "/api/v1/changes/c/approve"},
		"job retry j":                                   {method: "POST", target: "/api/v1/jobs/j/retry"},
		"job list --client c --stream s --revocation r": {method: "GET", target: "/api/v1/jobs?client=c&revocation=r&stream=s"},
		"revocation r":                                  {method: "GET", target: "/api/v1/revocations/r"},
		"revocation show r":                             {method: "GET", target: "/api/v1/revocations/r"},
		"revocation retry r":                            {method: "POST", target: "/api/v1/revocations/r/retry"},
		"signals retry s":                               {method: "POST", target: "/api/v1/streams/s/retry"},
		"app retry a":                                   {method: "POST", target: "/api/v1/apps/a/deliveries/retry"},
		"outbox list --state buried":                    {method: "GET", target: "/api/v1/outbox?state=buried"},
		"explain exchange c api --person p --scope r --signed-in-to d":                {method: "GET", target: "/api/v1/explain/exchange?audience=api&client=c&person=p&scope=r&signed_in_to=d"},
		"explain exchange c api --person p --connection acme":                         {method: "GET", target: "/api/v1/explain/exchange?audience=api&client=c&connection=acme&person=p"},
		"explain exchange c api --person p --connection acme --subject-type id_token": {method: "GET", target: "/api/v1/explain/exchange?audience=api&client=c&connection=acme&person=p&subject_type=id_token"},
		"explain exchange c api --token-id j":                                         {method: "GET", target: "/api/v1/explain/exchange?audience=api&client=c&token=j"},
		"exchange list --person p --live":                                             {method: "GET", target: "/api/v1/exchanges?live=true&person=p"},
		"exchange prune j --reason odd":                                               {method: "DELETE", target: "/api/v1/exchanges/j?reason=odd"},
		"exchange prune j --preview":                                                  {method: "GET", target: "/api/v1/exchanges/j/preview"},
		"app exchanges x":                                                             {method: "GET", target: "/api/v1/apps/x/exchanges"},
		"app prune x j":                                                               {method: "DELETE", target: "/api/v1/apps/x/exchanges/j"},
		"revoke install p/x --reason lost":                                            {method: "POST", target: "/api/v1/revocations/install/p%2Fx", body: `{"reason":"lost"}`},
		"revoke person p --preview":                                                   {method: "GET", target: "/api/v1/revocations/person/p/preview"},
		"whoami":                                                                      {method: "GET", target: "/api/v1/me"},
		"token create x --role auditor":                                               {method: "POST", target: "/api/v1/tokens", body: `{"apps":[],"days":90,"name":"x","roles":["auditor"]}`},
	} {
		*got = nil
		if code, out := output(t, strings.Fields(line)...); code != client.OK || len(*got) != 1 {
			t.Errorf("%s: %d %s, asked %v", line, code, out, *got)
			continue
		}
		asked := (*got)[0]
		if (asked.key != "") != (asked.method == http.MethodPost) {
			t.Errorf("%s: key %q", line, asked.key)
		}
		if asked.key = ""; asked != want {
			t.Errorf("%s asked %+v, want %+v", line, asked, want)
		}
	}
}

func TestExitCodesSayWhatWentWrong(t *testing.T) {
	for status, want := range map[int]int{
		200: client.OK, 202: client.OK, 204: client.OK, 400: client.Usage, 415: client.Usage, 404: client.NotFound, 401: client.Denied, 403: client.Denied,
		409: client.Conflict, 412: client.Conflict, 422: client.Conflict, 429: client.Unavailable, 503: client.Unavailable, 500: client.Failure,
	} {
		answer := `{"detail":"why","code":"c"}`
		if status == http.StatusNoContent {
			answer = ""
		}
		play(t, status, answer)
		if code, _ := output(t, "app", "enable", "x"); code != want {
			t.Errorf("%d: exit %d, want %d", status, code, want)
		}
	}
	t.Setenv("GATEHOUSE_SOCKET", filepath.Join(t.TempDir(), "none"))
	for want, line := range map[int]string{
		client.Unavailable: "app list", client.Usage: "app lst",
	} {
		if code, _ := output(t, strings.Fields(line)...); code != want {
			t.Errorf("%s: exit %d, want %d", line, code, want)
		}
	}
	if code, _ := output(t, "app", "list", "--server", "http://login.example.com"); code != client.Usage {
		t.Errorf("a token in the clear: exit %d", code)
	}
	if code, _ := output(t, "app", "list", "--server", "https://login.example.com"); code != client.Usage {
		t.Errorf("no token: exit %d", code)
	}
}

func TestAnswersAreTablesFactsOrJSON(t *testing.T) {
	play(t, http.StatusOK, `{"items":[{"name":"hr","disabled":true,"manifest":{"metadata":{"title":"HR\u001b[31m"}}}],"next":"n"}`)
	if _, out := output(t, "app", "list"); !strings.Contains(out, "hr    HR[31m") || !strings.Contains(out, "There is more: --after n") || strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	if _, out := output(t, "app", "list", "-o", "json"); !json.Valid([]byte(out)) || !strings.Contains(out, `"next": "n"`) {
		t.Errorf("%q", out)
	}
	play(t, http.StatusOK, `{"app":{"name":"hr"},"client_secret":"s","missing":["keys"]}`)
	if _, out := output(t, "app", "secret", "hr"); out != "client_secret  s\nmissing        keys\n" {
		t.Errorf("%q", out)
	}
	play(t, http.StatusNoContent, "")
	if _, out := output(t, "session", "end", "s"); out != "Done.\n" {
		t.Errorf("%q", out)
	}
	if _, out := output(t, "session", "end", "s", "-o", "json"); strings.TrimSpace(out) != "{}" {
		t.Errorf("%q", out)
	}
}

// TestRevokeSaysWhyAndWaitsUntilTheAppsWereTold plays a broker that has told all.
func TestRevokeSaysWhyAndWaitsUntilTheAppsWereTold(t *testing.T) {
	got := play(t, http.StatusCreated, `{"id":"r1","progress":{"queued":true,"sessions":2,"told":3}}`)
	if code, _ := output(t, "revoke", "person", "p"); code != client.Usage || len(*got) != 0 {
		t.Errorf("without a reason: exit %d, asked %v", code, *got)
	}
	if code, _ := output(t, "revoke", "key", "k", "--reason", "odd"); code != client.Usage || len(*got) != 0 {
		t.Errorf("what is no kind: exit %d, asked %v", code, *got)
	}
	if code, out := output(t, "revoke", "person", "p", "--reason", "lost", "--wait"); code != client.OK || !strings.Contains(out, "r1") || len(*got) != 1 {
		t.Errorf("exit %d, %s, asked %v", code, out, *got)
	}
}

// pipe has text on standard input while a command runs.
func pipe(t *testing.T, input string, run func(*testing.T, ...string) (int, string), args ...string) (code int, out string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	real := os.Stdin
	os.Stdin = in
	defer func() { os.Stdin = real }()
	return run(t, args...)
}

// TestATokenOfAnotherIssuerIsAskedAboutWithoutIt says how, when the broker has not issued
// what is on standard input.
func TestATokenOfAnotherIssuerIsAskedAboutWithoutIt(t *testing.T) {
	const how = "--person ID --connection NAME"
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"jti":"theirs","iss":"https://idp.example","sub":"s"}`)) + ".c2ln"
	got := play(t, http.StatusNotFound, `{"detail":"no token with this id was issued","code":"exchange_not_found"}`)
	if code, out := pipe(t, token, complaint, "explain", "exchange", "c", "api", "--token"); code != client.NotFound || !strings.Contains(out, how) || !strings.Contains(out, `"https://idp.example"`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, out := pipe(t, "<saml:Assertion/>", complaint, "explain", "exchange", "c", "api", "--token"); code != client.Usage || !strings.Contains(out, how) || len(*got) != 1 {
		t.Errorf("an assertion: exit %d, asked %v: %s", code, *got, out)
	}
	play(t, http.StatusNotFound, `{"detail":"no such client","code":"client_not_found"}`)
	if code, out := pipe(t, token, complaint, "explain", "exchange", "c", "api", "--token"); code != client.NotFound || strings.Contains(out, how) {
		t.Errorf("control, another refusal: exit %d: %s", code, out)
	}
	for _, args := range [][]string{{"--connection", "acme"}, {"--connection", "acme", "--token-id", "j"}} {
		if code, out := complaint(t, append([]string{"explain", "exchange", "c", "api"}, args...)...); code != client.Usage || !strings.Contains(out, "--person") {
			t.Errorf("%v: exit %d: %s", args, code, out)
		}
	}
}

// TestATokenToExplainIsReadFromStandardInputAndStaysHere sends its id alone.
func TestATokenToExplainIsReadFromStandardInputAndStaysHere(t *testing.T) {
	got := play(t, http.StatusOK, `{"granted":false,"client_app":"travel-desk","steps":[{"name":"client","outcome":"passed"},`+
		`{"name":"scope","outcome":"refused","rule":"scope_denied","detail":"too much","found":"expected less; came more","remedies":[{"who":"client_owner","what":"spec.identity.tokenExchange.scopes"}]},{"name":"life","outcome":"not_reached"}]}`)
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"jti":"j1","sub":"s"}`)) + ".c2ln"
	for input, want := range map[string]int{token + "\n": client.OK, "not a token": client.Usage, "e30.e30.c2ln": client.Usage, "": client.Usage} {
		code, out := pipe(t, input, output, "explain", "exchange", "c", "api", "--token")
		if code != want {
			t.Errorf("%q: exit %d", input, code)
		}
		for _, text := range []string{"It would be refused.", "scope_denied", "too much (expected less; came more)", "not reached", "the owner of travel-desk"} {
			if want == client.OK && !strings.Contains(out, text) {
				t.Errorf("%q is not in %s", text, out)
			}
		}
	}
	if len(*got) != 1 || (*got)[0].target != "/api/v1/explain/exchange?audience=api&client=c&token=j1" {
		t.Errorf("asked %v", *got)
	}
	if code, _ := output(t, "explain", "exchange", "c", "api", "--token", "--person", "p"); code != client.Usage {
		t.Errorf("two at once: exit %d", code)
	}
}

// TestBashCompletesCommandsAndFlags runs the script in a real bash.
func TestBashCompletesCommandsAndFlags(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here: exec.LookPath")
	}
	code, script := output(t, "completion", "bash")
	if code != client.OK {
		t.Fatal(code)
	}
	for line, want := range map[string]string{
		"broker ke": "keys", "broker keys ki": "kill", "broker app list --sor": "--sort", "broker app disable x --prev": "--preview", "broker person disa": "disable",
	} {
		words := strings.Fields(line)
		test := script + "\nCOMP_WORDS=(" + line + "); COMP_CWORD=" + string(rune('0'+len(words)-1)) + "; _broker; echo \"${COMPREPLY[*]}\""
		out, err := exec.CommandContext(t.Context(), bash, "-c", test).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: %v %q, want %s", line, err, out, want)
		}
	}
	for _, shell := range []string{"zsh", "fish"} {
		if code, script := output(t, "completion", shell); code != client.OK || !strings.Contains(script, "app disable") {
			t.Errorf("%s: %d", shell, code)
		}
	}
}

// TestTheCommandsCoverTheAPI keeps the two together: a command asks for what there
// is, and what there is has a command, unless it is named here with the reason.
func TestTheCommandsCoverTheAPI(t *testing.T) {
	without := map[string]string{
		"importApps": "app apply", "applyApp": "app apply", "createToken": "token create", "getMapping": "group mappings", "getGroup": "group list",
	}
	declared := map[string]bool{}
	k, err := newParser(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		if tag := n.Tag; tag != nil && tag.Get("api") != "" {
			declared[tag.Get("api")] = true
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(k.Model.Node)
	for _, rt := range api.Table() {
		line := rt.Method + " " + regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(rt.Path, "{}")
		if !declared[line] && without[rt.ID] == "" {
			t.Errorf("no command asks for %s, %s", rt.ID, line)
		}
		delete(declared, line)
	}
	for line := range declared {
		t.Errorf("a command asks for %s, which there is not", line)
	}
}

func TestTheSocketIsLookedForInTheDataDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		data, socket, want string
		args               []string
	}{
		"nothing said":      {want: "gatehouse-data/broker.sock"},
		"a data directory":  {data: "/data", want: "/data/broker.sock"},
		"a socket and that": {data: "/data", socket: "/run/broker.sock", want: "/run/broker.sock"},
		"a flag before all": {data: "/data", socket: "/run/broker.sock", args: []string{"--socket=/tmp/other.sock"}, want: "/tmp/other.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range map[string]string{"GATEHOUSE_DATA_DIR": c.data, "GATEHOUSE_SOCKET": c.socket} {
				t.Setenv(key, value)
				if value == "" {
					if err := os.Unsetenv(key); err != nil {
						t.Fatal(err)
					}
				}
			}
			var parsed commands
			parser, err := newParser(&parsed)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(append([]string{"keys", "list"}, c.args...)); err != nil {
				t.Fatal(err)
			}
			if got := parsed.Keys.List.Socket; got != c.want && !strings.HasSuffix(got, "/"+c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestTheAuditLogIsListedWithWhyThingsWereRefused takes the reason from whichever name an
// entry has it by.
func TestTheAuditLogIsListedWithWhyThingsWereRefused(t *testing.T) {
	play(t, http.StatusOK, `{"items":[{"type":"token.refused","data":{"reason":"subject_expired"}},{"type":"request.refused","data":{"rule":"audience_denied","reason":"other"}},{"type":"signin.refused","data":{"error":"access_denied"}},{"type":"token.issued","data":{}}]}`)
	code, out := output(t, "audit", "list")
	for _, want := range []string{"REASON", "subject_expired", "audience_denied", "access_denied", "token.issued"} {
		if code != client.OK || !strings.Contains(out, want) {
			t.Errorf("exit %d: %s lacks %s", code, out, want)
		}
	}
	if strings.Contains(out, "other") {
		t.Errorf("the rule comes first: %s", out)
	}
}

func TestAWrongCommandLineIsToldWhereHelpIs(t *testing.T) {
	for line, want := range map[string]string{
		"signals show":         "broker signals show",
		"revoke thing 1":       "broker revoke",
		"exchange list --nope": "broker exchange list",
		"nope":                 "broker",
		"exchange":             "broker exchange",
	} {
		parser, err := newParser(&commands{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = parser.Parse(strings.Fields(line)); err == nil || commandOf(err) != want {
			t.Errorf("%s: %v, %s", line, err, commandOf(err))
		}
	}
}
