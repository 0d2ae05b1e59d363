package imports_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/porting"
)

const lines = `{"kind":"directory","version":1}
{"kind":"person","id":"kim","identities":[{"connection":"acme","subject":"kim"}],"profile":{"name":"Kim <b>Doe</b>"}}
{"kind":"person","id":"nobody"}
{"kind":"end","lines":3}
`

// world is a stage with the one import that it looks at.
type world struct {
	*consoletest.Stage
	t *testing.T
}

func newWorld(t *testing.T, fourEyes ...string) *world {
	t.Helper()
	w := &world{consoletest.New(t, fourEyes...), t}
	w.As("ada", admin.Admin)
	return w
}

// send sends a file, and returns the path of its import.
func (w *world) send(form map[string]string, file string) string {
	w.t.Helper()
	a := w.UploadFrom("same-origin", "/new-import", form, strings.NewReader(file))
	path := regexp.MustCompile(`/imports/[0-9a-z]{28}$`).FindString(a.Header.Get("Location"))
	if a.Status != http.StatusSeeOther || path == "" {
		w.t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
	}
	return path
}

// raw sends a form as it is.
func (w *world) raw(path, media, body string) consoletest.Asked {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, consoletest.Prefix+kit.Base+path, strings.NewReader(body))
	r.Header.Set("Content-Type", media)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return w.Do(r)
}

// says fails unless a page says all of the texts.
func (w *world) says(path string, texts ...string) consoletest.Asked {
	w.t.Helper()
	a := w.Get(path)
	_, shown, _ := strings.Cut(a.Body, "<main")
	for _, text := range texts {
		if a.Status != http.StatusOK || !strings.Contains(a.Body, text) {
			w.t.Errorf("%s (%d) does not say %q: %s", path, a.Status, text, shown)
		}
	}
	return a
}

func TestAFileIsLookedAtAppliedAndForgottenByPages(t *testing.T) {
	w := newWorld(t)
	w.says("/imports", "Nothing was imported of late.", `href="/auth/admin/new-import"`, `href="/auth/admin/export"`)
	path := w.send(nil, lines)
	w.says(path, "To be applied", "One line is refused.", "import_person_unreachable", `<th scope="row">People</th>`, path+"/apply", path+"/discard")
	w.says(path+"/faults", "obody could sign in as this person", "/identities")
	for format, want := range map[string]string{"csv": "3,person,/identities,\"import_person_unreachable: nobody could", "jsonl": `"code":"import_person_unreachable"`} {
		w.says(path+"/faults?format="+format, want)
	}
	w.says(path+"?lang=de", "Eine Zeile ist abgelehnt.", "Niemand könnte sich als diese Person anmelden")
	if _, err := w.DB.Person(t.Context(), "kim"); err == nil {
		t.Fatal("what was only looked at was done")
	}
	question, done := w.Confirm(path + "/apply")
	if !strings.Contains(question.Body, "People: new") || !strings.Contains(question.Body, "Refused lines, which are left out") || done.Status != http.StatusSeeOther || !strings.HasSuffix(done.Header.Get("Location"), path+"?notice=import-applied") {
		t.Errorf("%v %s", done.Header, question.Body)
	}
	if p, err := w.DB.Person(t.Context(), "kim"); err != nil || p.Profile.Name != "Kim <b>Doe</b>" {
		t.Errorf("%+v %v", p, err)
	}
	if page := w.says(path, "Applied", "What became of it", "Applied by"); strings.Contains(page.Body, path+"/apply") {
		t.Error("it is offered to be applied again")
	}
	if again := w.Get(path + "/apply"); again.Status != http.StatusConflict {
		t.Errorf("again: %d", again.Status)
	}
	w.says("/imports", "JSON lines, as they are exported here", path)
	if _, done := w.Confirm(path + "/discard"); done.Status != http.StatusSeeOther || w.Get(path).Status != http.StatusNotFound {
		t.Errorf("%d %v", done.Status, done.Header)
	}
}

func TestAFormSaysWhatIsWrongWithIt(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		form map[string]string
		file io.Reader
		want string
	}{
		"no file":                     {nil, nil, "Choose a file."},
		"an unknown connection":       {map[string]string{"format": "keycloak", "alias.nowhere": "google"}, strings.NewReader("{}"), "no such connection here"},
		"a name for two":              {map[string]string{"format": "dex", "alias.acme": "google, google"}, strings.NewReader("{}"), "each alias once"},
		"another format":              {map[string]string{"format": "okta"}, strings.NewReader("{}"), "is one of"},
		"a name where there are none": {map[string]string{"alias.acme": "google"}, strings.NewReader(lines), "ALIAS=ID"},
	} {
		a := w.UploadFrom("same-origin", "/new-import", c.form, c.file)
		if a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Body, `role="alert"`) || !strings.Contains(a.Body, c.want) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		for field, value := range c.form {
			if field == "alias.acme" && !strings.Contains(a.Body, `name="alias.acme" type="text" value="`+value+`"`) {
				t.Errorf("%s: what was typed is gone: %s", name, a.Body)
			}
		}
	}
	realm := `{"realm":"r","users":[{"id":"u1","username":"kim","enabled":true,"realmRoles":["staff"],"federatedIdentities":[{"identityProvider":"google","userId":"1"}]}]}`
	path := w.send(map[string]string{"format": "keycloak", "alias.acme": "google"}, realm)
	w.says(path, "Import: Realm exported by Keycloak", "Roles of the realm", "staff", "Acme Workforce")
	w.says(w.send(nil, realm), "Refused", "no export of a directory", "line 1")
}

// bytesOf is a file that is never whole anywhere.
type bytesOf struct{ left int }

func (b *bytesOf) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), b.left)
	for i := range p[:n] {
		p[i] = '\n'
	}
	b.left -= n
	return n, nil
}

// An import is larger than any other form, and read as it comes.
func TestAFileIsLargerThanAnyOtherForm(t *testing.T) {
	w := newWorld(t)
	file := io.MultiReader(strings.NewReader(`{"kind":"directory","version":1}`+"\n"), &bytesOf{left: 32 << 20},
		strings.NewReader(`{"kind":"person","id":"last","identities":[{"connection":"acme","subject":"last"}]}`+"\n"))
	a := w.UploadFrom("same-origin", "/new-import", nil, file)
	if a.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	w.says(strings.TrimPrefix(a.Header.Get("Location"), consoletest.Prefix+"/admin"), "Refused", "file was cut short")
	big := map[string]string{"alias.acme": strings.Repeat("x", 2<<20)}
	if a := w.UploadFrom("same-origin", "/new-import", big, strings.NewReader(lines)); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "more than 1 MiB") {
		t.Errorf("fields that are as large: %d %s", a.Status, a.Body)
	}
}

func TestWhatStandsBehindTheFileIsRefused(t *testing.T) {
	w := newWorld(t)
	const part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
	for name, c := range map[string]struct{ body, says string }{
		"control":             {part + lines + "\r\n--b--\r\n", "To be applied"},
		"a second file":       {part + lines + "\r\n" + part + lines + "\r\n--b--\r\n", "could not be read"},
		"a field":             {part + lines + "\r\n--b\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\nkeycloak\r\n--b--\r\n", "could not be read"},
		"nothing, not an end": {part + lines, "could not be read"},
	} {
		a := w.raw("/new-import", "multipart/form-data; boundary=b", c.body)
		if a.Status != http.StatusSeeOther {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
			continue
		}
		w.says(strings.TrimPrefix(a.Header.Get("Location"), consoletest.Prefix+"/admin"), c.says)
	}
}

func TestAnImportByPagesWaitsForASecondPersonOrDoesNotDoWhatWould(t *testing.T) {
	const mapping = `{"kind":"directory","version":1}
{"kind":"mapping","connection":"acme","group":"g","name":"everybody"}
{"kind":"end","lines":2}
`
	named := func(w *world) int {
		t.Helper()
		all, err := w.DB.Mappings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	held := newWorld(t, "mapGroup")
	before := named(held)
	held.says(held.send(nil, mapping), "import_four_eyes")
	waits := newWorld(t, "mapGroup", "applyImport")
	path := waits.send(nil, mapping)
	if _, done := waits.Confirm(path + "/apply"); !strings.HasSuffix(done.Header.Get("Location"), path) || named(held) != before || named(waits) != before {
		t.Errorf("%d %v", done.Status, done.Header)
	}
	waits.says(path, "Waits for approval")
	free := newWorld(t)
	if _, done := free.Confirm(free.send(nil, mapping) + "/apply"); done.Status != http.StatusSeeOther || named(free) != before+1 {
		t.Errorf("control: %d %v", done.Status, done.Header)
	}
}

// What waits is asked for once: the page says who asked, and leads to whoever approves.
func TestAnImportThatWaitsSaysForWhomAndIsNotOfferedAgain(t *testing.T) {
	w := newWorld(t, "applyImport")
	path := w.send(nil, lines)
	w.says(path, path+"/apply", "To be applied")
	w.Confirm(path + "/apply")
	change := regexp.MustCompile(`/changes/[0-9a-z]{28}`)
	mine := w.says(path, "Waits for approval", "You asked to have this import applied", "To be approved until", "Asked for by", "/people/ada")
	at := change.FindString(mine.Body)
	if at == "" || strings.Contains(mine.Body, path+"/apply") {
		t.Fatalf("%q %s", at, mine.Body)
	}
	w.says("/imports", "Waits for approval")
	w.says(path+"?lang=de", "Wartet auf Freigabe", "Sie haben beantragt", "Freizugeben bis")
	w.says(path+"/discard", "can only be rejected afterwards")
	w.As("grace", admin.Admin)
	w.says(path, "Somebody asked to have this import applied", at)
	if again := w.Get(path + "/apply"); again.Status != http.StatusConflict || !strings.Contains(again.Body, "asked for already") {
		t.Errorf("asked for again: %d %s", again.Status, again.Body)
	}
	w.says(at, "Apply an import", `href="/auth/admin`+path+`"`)
	if _, done := w.Confirm(at + "/approve"); done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, done.Body)
	}
	if page := w.says(path, "What became of it", "Applied by"); strings.Contains(page.Body, "Waits for approval") {
		t.Error("it still waits")
	}
	if _, err := w.DB.Person(t.Context(), "kim"); err != nil {
		t.Error(err)
	}
	other := w.send(nil, strings.ReplaceAll(lines, "kim", "lee"))
	w.Confirm(other + "/apply")
	w.Confirm(change.FindString(w.Get(other).Body) + "/reject")
	w.says(other, other+"/apply", "To be applied")
}

func TestAnImportThatGoesOnSaysHowFarItIs(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	b.WriteString(`{"kind":"directory","version":1}` + "\n")
	const many = 2500 // more than are checked at once
	for range many {
		b.WriteString(`{"kind":"person","id":"nobody"}` + "\n")
	}
	b.WriteString(`{"kind":"end","lines":2501}` + "\n")
	path := w.send(nil, b.String())
	w.says(path, "0 of 2,500 lines checked", `<progress id="progress" max="2500" value="0">`, `hx-get="/auth/admin`+path+`"`, "Look again")
	for range 10 {
		if err := w.Imports.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if page := w.says(path, "Nothing of it would change anything here.", "All refused lines, also as a file"); strings.Contains(page.Body, "hx-get") || strings.Contains(page.Body, path+"/apply") {
		t.Errorf("it is over: %s", page.Body)
	}
	w.says(path+"/faults", `rel="next"`)
	if a := w.Get(path + "/faults?after=x"); a.Status != http.StatusBadRequest {
		t.Errorf("a place that no page gave: %d", a.Status)
	}
}

func TestTheDirectoryIsExportedByAPage(t *testing.T) {
	w := newWorld(t)
	w.says("/export", "The whole directory", "Acme Workforce")
	a := w.Post("/export", url.Values{"connection": {"acme"}}, "same-origin")
	if a.Status != http.StatusOK || a.Header.Get("Content-Disposition") != `attachment; filename="directory.jsonl"` || !strings.HasPrefix(a.Body, `{"kind":"directory","version":1`) || !strings.Contains(a.Body, `"connection":"acme"`) {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	if by := w.LastActor("directory.exported"); by.ID != "ada" {
		t.Errorf("the audit log says that %v exported", by)
	}
	if a := w.Post("/export", url.Values{"connection": {"nowhere"}}, "same-origin"); a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Body, "no such connection") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := w.Post("/export", url.Values{}, "cross-site"); a.Status != http.StatusForbidden {
		t.Errorf("from another site: %d", a.Status)
	}
	w.As("olga", admin.Auditor)
	if page := w.says("/imports", "Export"); strings.Contains(page.Body, "/new-import") {
		t.Error("who only reads is offered to import")
	}
	if a := w.UploadFrom("same-origin", "/new-import", nil, strings.NewReader(lines)); a.Status != http.StatusForbidden {
		t.Errorf("%d", a.Status)
	}
	if all, _, err := w.Imports.List(t.Context(), "", 1); err != nil || len(all) > 0 {
		t.Errorf("%+v %v", all, err)
	}
}

// Every format has a name of its own.
func TestEveryFormatCanBeChosen(t *testing.T) {
	w := newWorld(t)
	for _, f := range porting.Formats() {
		w.says("/new-import", `<option value="`+string(f)+`"`)
	}
}
