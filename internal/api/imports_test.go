package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/porting"
)

const twoLines = `{"kind":"directory","version":1}
{"kind":"person","id":"ada","identities":[{"connection":"acme","subject":"ada"}],"profile":{"name":"Ada Lovelace"}}
{"kind":"person","id":"nobody"}
{"kind":"end","lines":3}
`

// lines sends a file.
func (b *broker) lines(t *testing.T, query, body string, headers ...string) (asked, porting.Import) {
	t.Helper()
	a := b.ask(t, http.MethodPost, "/imports"+query, body, append([]string{"Content-Type", "application/jsonl"}, headers...)...)
	var i porting.Import
	if a.status == http.StatusCreated {
		if err := json.Unmarshal([]byte(a.body), &i); err != nil {
			t.Fatal(err)
		}
	}
	return a, i
}

func TestAFileIsReceivedLookedAtAppliedAndExported(t *testing.T) {
	b := start(t)
	a, i := b.lines(t, "", twoLines)
	if a.status != http.StatusCreated || i.State != porting.Checked || a.header.Get("Location") != "/api/v1/imports/"+i.ID {
		t.Fatalf("%d %s", a.status, a.body)
	}
	faults, _ := b.ask(t, http.MethodGet, "/imports/"+i.ID+"/faults", "").items(t)
	if len(faults) != 1 || !strings.Contains(string(faults[0]), `"line":3`) || !strings.Contains(string(faults[0]), "import_person_unreachable") {
		t.Errorf("%s", faults)
	}
	if a := b.ask(t, http.MethodPost, "/imports/"+i.ID+"/apply", `{}`); a.status != http.StatusConflict || !strings.Contains(a.body, "import_refused_lines") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPost, "/imports/"+i.ID+"/apply", `{"skip_refused":true}`); a.status != http.StatusOK || !strings.Contains(a.body, `"state":"done"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	out := b.ask(t, http.MethodGet, "/directory", "")
	if out.status != http.StatusOK || out.header.Get("Content-Type") != "application/jsonl" || !strings.Contains(out.body, `"name":"Ada Lovelace"`) || !strings.HasSuffix(out.body, `{"kind":"end","lines":2}`+"\n") {
		t.Errorf("%d %q", out.status, out.body)
	}
	if a := b.ask(t, http.MethodGet, "/directory?connection=nowhere", ""); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodDelete, "/imports/"+i.ID, ""); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/imports/"+i.ID, ""); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAFileIsReceivedAsWhatItIsAndWithParametersThatAre(t *testing.T) {
	b := start(t)
	for what, c := range map[string]struct {
		query, media string
		status       int
		code         string
	}{
		"control":                        {"", "application/jsonl", http.StatusCreated, ""},
		"another media type":             {"", "text/plain", http.StatusUnsupportedMediaType, ""},
		"another format":                 {"?format=okta", "application/json", http.StatusBadRequest, "parameter_invalid"},
		"an unknown connection":          {"?format=keycloak&connections=google%3Dnowhere", "application/json", http.StatusBadRequest, "import_connection_unknown"},
		"a connection without an alias":  {"?format=keycloak&connections=acme", "application/json", http.StatusBadRequest, "import_connection"},
		"an alias twice":                 {"?format=keycloak&connections=a%3Dacme,a%3Dacme", "application/json", http.StatusBadRequest, "import_connection"},
		"aliases of a format without":    {"?connections=a%3Dacme", "application/jsonl", http.StatusBadRequest, "import_connection"},
		"a parameter that there is none": {"?dry=true", "application/jsonl", http.StatusBadRequest, ""},
	} {
		a := b.ask(t, http.MethodPost, "/imports"+c.query, twoLines, "Content-Type", c.media)
		if a.status != c.status || !strings.Contains(a.body, c.code) {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
}

func TestAnImportWaitsForASecondPersonOrDoesNotDoWhatWould(t *testing.T) {
	const mapping = `{"kind":"directory","version":1}
{"kind":"mapping","connection":"acme","group":"g","name":"everybody"}
{"kind":"end","lines":2}
`
	b := start(t, "mapGroup")
	_, i := b.lines(t, "", mapping, "Authorization", b.token(t, admin.Admin))
	if n := i.Counts[0]; n.Refused != 1 {
		t.Errorf("the name of a group waits for a second person, and by an import does not: %+v", i)
	}
	if _, i := b.lines(t, "", mapping); i.Counts[0].Created != 1 {
		t.Errorf("control: the operator on the machine never waits: %+v", i)
	}
	_, i = b.lines(t, "", mapping)
	if a := b.ask(t, http.MethodPost, "/imports/"+i.ID+"/apply", `{"skip_refused":true}`, "Authorization", b.token(t, admin.Admin)); a.status != http.StatusForbidden || !strings.Contains(a.body, "import_held") {
		t.Errorf("what was checked for the operator, applied by somebody who is not: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPost, "/imports/"+i.ID+"/apply", `{}`); a.status != http.StatusOK || !strings.Contains(a.body, `"created":1`) {
		t.Errorf("control: %d %s", a.status, a.body)
	}
	both := start(t, "mapGroup", "applyImport")
	token := both.token(t, admin.Admin)
	_, i = both.lines(t, "", mapping, "Authorization", token)
	if i.Counts[0].Created != 1 {
		t.Fatalf("%+v", i)
	}
	if a := both.ask(t, http.MethodPost, "/imports/"+i.ID+"/apply", `{}`, "Authorization", token); a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.body)
	}
	if now, err := both.db.Imports().Import(t.Context(), i.ID); err != nil || now.State != porting.Checked {
		t.Errorf("%+v %v", now, err)
	}
}

// An import is asked for once, and not where it could not be applied: whoever approves is
// not to find out.
func TestAnImportThatWaitsIsNotAskedForAgain(t *testing.T) {
	b, ada, grace := admins(t, porting.ApplyOperation)
	_, i := b.lines(t, "", twoLines, "Authorization", ada)
	apply := func(who, body string) asked {
		return b.ask(t, http.MethodPost, "/imports/"+i.ID+"/apply", body, "Authorization", who)
	}
	shown := func() (s struct {
		Approval *porting.Approval `json:"approval"`
	}, tag string,
	) {
		a := b.ask(t, http.MethodGet, "/imports/"+i.ID, "")
		if err := json.Unmarshal([]byte(a.body), &s); err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return s, a.header.Get("ETag")
	}
	before, tag := shown()
	if a := apply(ada, `{}`); a.status != http.StatusConflict || !strings.Contains(a.body, "import_refused_lines") {
		t.Errorf("with refused lines: %d %s", a.status, a.body)
	}
	if a := apply(ada, `{"skip_refused":true,"when":"now"}`); a.status != http.StatusBadRequest {
		t.Errorf("with what there is not: %d %s", a.status, a.body)
	}
	if a := apply(ada, `{"skip_refused":true}`); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	now, same := shown()
	if before.Approval != nil || now.Approval == nil || tag == "" || tag != same {
		t.Fatalf("%+v, then %+v; %s, then %s", before, now, tag, same)
	}
	if ends := i.Checked.Add(porting.ApplyWithin); !now.Approval.Expires.Equal(ends) {
		t.Errorf("it is to be approved until %s, and applied until %s", now.Approval.Expires, ends)
	}
	if all, _ := b.ask(t, http.MethodGet, "/imports", "").items(t); len(all) != 1 || !strings.Contains(string(all[0]), now.Approval.Change) {
		t.Errorf("the list does not say that it waits: %s", all)
	}
	for _, who := range []string{ada, grace} {
		if a := apply(who, `{"skip_refused":true}`); a.status != http.StatusConflict || !strings.Contains(a.body, `"code":"change_waits"`) || !strings.Contains(a.body, now.Approval.Change) {
			t.Errorf("asked for again: %d %s", a.status, a.body)
		}
	}
	change := "/changes/" + now.Approval.Change
	if a := b.ask(t, http.MethodPost, change+"/reject", "", "Authorization", grace); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if s, _ := shown(); s.Approval != nil {
		t.Errorf("rejected, and it waits: %+v", s)
	}
	if a := apply(grace, `{"skip_refused":true}`); a.status != http.StatusAccepted {
		t.Fatalf("after it was rejected: %d %s", a.status, a.body)
	}
	s, _ := shown()
	if a := b.ask(t, http.MethodPost, "/changes/"+s.Approval.Change+"/approve", "", "Authorization", ada); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := apply(ada, `{}`); a.status != http.StatusConflict || !strings.Contains(a.body, "import_state") {
		t.Errorf("what was applied is asked for: %d %s", a.status, a.body)
	}
}
