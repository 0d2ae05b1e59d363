package porting_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/porting"
)

// whole is a file with a line of each kind.
var whole = file(
	`{"kind":"assignment","app":"expense-bot","role":"approver","whom":{"person":"ada"},"reason":"She approves"}`,
	`{"kind":"mapping","connection":"acme","group":"g-eng","name":"everybody"}`,
	`{"kind":"mapping","connection":"jit","group":"told","name":"finance"}`,
	`{"kind":"membership","connection":"acme","group":"g-all","subgroup":"g-eng"}`,
	`{"kind":"membership","connection":"acme","group":"g-eng","user":"u-ada"}`,
	`{"kind":"group","connection":"acme","id":"g-all","external_id":"all","display_name":"Everybody"}`,
	`{"kind":"group","connection":"acme","id":"g-eng","display_name":"Engineering"}`,
	`{"kind":"user","connection":"acme","id":"u-ada","person":"ada","external_id":"00u1","user_name":"ada@acme.example","attributes":{"name":{"formatted":"Ada Lovelace"},"emails":[{"value":"ada@acme.example","primary":true}]}}`,
	`{"kind":"person","id":"ada","identities":[{"connection":"acme","subject":"00u1"},{"connection":"partner","subject":"a.lovelace"}],"profile":{"name":"Ada Lovelace","email":"ada@partner.example"},"created":"2020-01-02T03:04:05Z"}`,
	`{"kind":"person","id":"kim","identities":[{"connection":"partner","subject":"kim"}],"profile":{"name":"Kim","email":"kim@elsewhere.example","email_verified":true},"disabled":true}`,
)

func TestAFileInAnyOrderMakesEverythingThatItDescribesAndAgainNothing(t *testing.T) {
	directories(t, func(t *testing.T, open func(*testing.T) *world) {
		w := open(t)
		checked := w.receive(t, porting.New{}, whole)
		all := map[porting.Kind][4]int{
			porting.KindPerson: {2}, porting.KindUser: {1}, porting.KindGroup: {2}, porting.KindMembership: {2}, porting.KindMapping: {2}, porting.KindAssignment: {1},
		}
		counts(t, checked, all)
		if p := w.owner(t, "acme", "00u1"); checked.State != porting.Checked || p.ID != "" {
			t.Fatalf("checking changed something: %s %+v", checked.State, p)
		}
		done := w.apply(t, checked, false)
		counts(t, done, all)
		ada, kim := w.owner(t, "partner", "a.lovelace"), w.owner(t, "partner", "kim")
		if done.State != porting.Done || ada.ID != "ada" || len(ada.Records) != 1 || !ada.Records[0].Active || len(ada.Assigned) != 1 || !ada.Created.Equal(time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("%s %+v", done.State, ada)
		}
		if !kim.Disabled || kim.Profile.EmailVerified || !ada.Profile.EmailVerified {
			t.Errorf("an address is verified where a connection proved its domain, and not by the file: %+v %+v", kim, ada)
		}
		ways := map[string]int{}
		for _, g := range ada.Groups {
			ways[g.Group.ID] = len(g.Through)
		}
		if len(ways) != 2 || ways["g-eng"] != 0 || ways["g-all"] != 1 {
			t.Errorf("she is in %v", ways)
		}
		again := w.take(t, porting.New{}, whole)
		for kind, n := range counted(again) {
			if want := all[kind]; n != [4]int{0, 0, want[0], 0} {
				t.Errorf("the same again: %s %v", kind, n)
			}
		}
	})
}

func TestWhatIsExportedIsTheSameInAnotherDirectory(t *testing.T) {
	directories(t, func(t *testing.T, open func(*testing.T) *world) {
		a, b := open(t), open(t)
		a.take(t, porting.New{}, whole)
		a.signIn(t, "jit", "signed-in", "told")
		lines := func(w *world, connection string) []string {
			all := strings.Split(strings.TrimSpace(w.export(t, connection)), "\n")
			return all[1:] // the first has the time
		}
		first := lines(a, "")
		if again := lines(a, ""); !slices.Equal(first, again) {
			t.Errorf("the order is not always the same:\n%v\n%v", first, again)
		}
		b.take(t, porting.New{}, a.export(t, ""))
		if second := lines(b, ""); !slices.Equal(first, second) {
			t.Errorf("from\n%s\nto\n%s", strings.Join(first, "\n"), strings.Join(second, "\n"))
		}
		for _, line := range lines(a, "acme") {
			if strings.Contains(line, "partner\"") || strings.Contains(line, `"jit"`) || strings.Contains(line, "assignment") || strings.Contains(line, `"kim"`) {
				t.Errorf("of acme alone: %s", line)
			}
		}
		if of := lines(a, "acme"); len(of) != 8 {
			t.Errorf("of acme: %d lines\n%s", len(of), strings.Join(of, "\n"))
		}
		if got := a.told(t, identity.Database()); !slices.Contains(got, "directory.exported") {
			t.Errorf("who exports is in the audit log: %v", got)
		}
	})
}

func TestALineThatCannotBeIsRefusedWithWhereAndWhyAndTheControlIsNot(t *testing.T) {
	w := open(t, sqlite(t))
	w.signIn(t, "acme", "one")
	w.signIn(t, "acme", "two")
	for what, c := range map[string]struct{ line, want string }{
		"no JSON":                         {`{"kind":"person"`, "2  body_malformed"},
		"no kind":                         {`{"id":"x"}`, "2 /kind import_kind"},
		"another kind":                    {`{"kind":"session"}`, "2 /kind import_kind"},
		"a kind that is no text":          {`{"kind":7}`, "2 /kind import_kind"},
		"a second header":                 {`{"kind":"directory","version":1}`, "2 /kind import_kind"},
		"an unknown member":               {`{"kind":"person","id":"x","admin":true}`, "2 /admin body_malformed"},
		"a member in another case":        {`{"kind":"person","ID":"x"}`, "2 /ID body_malformed"},
		"a member twice":                  {`{"kind":"person","id":"x","id":"y"}`, "2 /id body_malformed"},
		"a NUL":                           {`{"kind":"person","id":"x","profile":{"name":"a\u0000b"}}`, "2 /profile/name body_malformed"},
		"an id that is none":              {`{"kind":"person","id":"../x"}`, "2 /id import_id"},
		"a control character":             {`{"kind":"person","id":"x","profile":{"name":"a\u001bb"}}`, "2 /profile/name import_text"},
		"no subject":                      {`{"kind":"person","id":"x","identities":[{"connection":"acme","subject":""}]}`, "2 /identities/0/subject import_subject"},
		"an unknown connection":           {`{"kind":"person","id":"x","identities":[{"connection":"acme","subject":"s"},{"connection":"nowhere","subject":"s"}]}`, "2 /identities/1/connection import_connection_unknown"},
		"somebody who could not sign in":  {`{"kind":"person","id":"x"}`, "2 /identities import_person_unreachable"},
		"two people as one":               {`{"kind":"person","identities":[{"connection":"acme","subject":"one"},{"connection":"acme","subject":"two"}]}`, "2 /identities/1 import_two_people"},
		"a record where there is no SCIM": {`{"kind":"user","connection":"jit","id":"u","user_name":"u"}`, "2 /connection scim_off"},
		"a record of nobody":              {`{"kind":"user","connection":"acme","id":"u","user_name":"u","person":"nobody"}`, "2 /person import_reference"},
		"a value of another type":         {`{"kind":"user","connection":"acme","id":"u","user_name":"u","attributes":{"emails":7}}`, "2 /attributes scim_value_invalid"},
		"a group without a name":          {`{"kind":"group","connection":"acme","id":"g","display_name":""}`, "2 /attributes scim_value_invalid"},
		"a member of nothing":             {`{"kind":"membership","connection":"acme","group":"g","user":"u"}`, "2 /group import_reference"},
		"a member that is two":            {`{"kind":"membership","connection":"acme","group":"g","user":"u","subgroup":"s"}`, "2 /user import_value_missing"},
		"a group within itself":           {`{"kind":"membership","connection":"acme","group":"g","subgroup":"g"}`, "2 /subgroup import_nesting"},
		"a name of administrators":        {`{"kind":"mapping","connection":"acme","group":"g","name":"admins"}`, "2 /name import_protected"},
		"a name that is none":             {`{"kind":"mapping","connection":"acme","group":"g","name":"a b"}`, "2 /name group_name"},
		"a role that there is not":        {`{"kind":"assignment","app":"expense-bot","role":"owner","whom":{"group":{"connection":"acme","id":"g"}},"reason":"r"}`, "2 /role app_role_unknown"},
		"an app that there is not":        {`{"kind":"assignment","app":"other","role":"user","whom":{"group":{"connection":"acme","id":"g"}},"reason":"r"}`, "2  app_not_found"},
		"a role of nobody":                {`{"kind":"assignment","app":"expense-bot","role":"user","whom":{"person":"nobody"},"reason":"r"}`, "2 /whom/person import_reference"},
	} {
		i := w.receive(t, porting.New{}, file(c.line, `{"kind":"person","id":"control","identities":[{"connection":"acme","subject":"control"}]}`))
		if got := strings.Join(w.faults(t, i), "; "); got != c.want {
			t.Errorf("%s: %q, want %q (%s %+v)", what, got, c.want, i.State, i.Fault)
		}
		if n := counted(i)[porting.KindPerson]; n[0] != 1 {
			t.Errorf("%s: control: %v", what, n)
		}
		if _, err := w.Apply(t.Context(), i.ID, porting.Order{SkipRefused: false, By: by}); !errors.Is(err, porting.ErrRefusedLines) {
			t.Errorf("%s: applied as a whole: %v", what, err)
		}
	}
	if p := w.owner(t, "acme", "control"); p.ID != "" {
		t.Errorf("nothing was applied: %+v", p)
	}
	i := w.receive(t, porting.New{}, file(`{"kind":"person"}`, `{"kind":"person","id":"control","identities":[{"connection":"acme","subject":"control"}]}`))
	if done := w.apply(t, i, true); done.State != porting.Done || w.owner(t, "acme", "control").ID != "control" {
		t.Errorf("all but what is refused: %+v", done)
	}
}

func TestAFileThatIsNotWholeIsRefusedAsAWhole(t *testing.T) {
	w := open(t, sqlite(t))
	good := `{"kind":"person","id":"x","identities":[{"connection":"acme","subject":"x"}]}`
	for what, c := range map[string]struct {
		text string
		want *wanted
	}{
		"nothing":              {"", &wanted{porting.ErrHeader, ""}},
		"no header":            {good + "\n", &wanted{porting.ErrHeader, "line 1"}},
		"another version":      {`{"kind":"directory","version":2}` + "\n", &wanted{porting.ErrHeader, "line 1"}},
		"cut short":            {`{"kind":"directory","version":1}` + "\n" + good + "\n", &wanted{porting.ErrEnd, ""}},
		"a wrong count":        {`{"kind":"directory","version":1}` + "\n" + good + "\n" + `{"kind":"end","lines":3}` + "\n", &wanted{porting.ErrEnd, "line 3"}},
		"something behind":     {file(good) + good + "\n", &wanted{porting.ErrEnd, "line 4"}},
		"a line without end":   {`{"kind":"directory","version":1}` + "\n" + strings.Repeat("x", porting.MaxLine+1), &wanted{porting.ErrLine, "line 2"}},
		"control":              {file(good), nil},
		"control: CRLF":        {strings.ReplaceAll(file(good), "\n", "\r\n"), nil},
		"control: empty lines": {`{"kind":"directory","version":1}` + "\n\n" + good + "\n" + `{"kind":"end","lines":3}`, nil},
	} {
		i := w.receive(t, porting.New{}, c.text)
		switch {
		case c.want == nil:
			if i.State != porting.Checked || counted(i)[porting.KindPerson][0] != 1 {
				t.Errorf("%s: %s %+v", what, i.State, i.Fault)
			}
		case i.State != porting.Refused || i.Fault == nil || i.Fault.Code != c.want.err.Code || i.Fault.Pointer != c.want.at:
			t.Errorf("%s: %s %+v, want %+v", what, i.State, i.Fault, c.want)
		}
		if c.want == nil {
			continue
		}
		if _, err := w.Apply(t.Context(), i.ID, porting.Order{SkipRefused: true, By: by}); !errors.Is(err, porting.ErrState) {
			t.Errorf("%s: applied: %v", what, err)
		}
	}
}

func TestTwoLinesOfTheSameThingAreNotBothTaken(t *testing.T) {
	w := open(t, sqlite(t))
	person := func(id, subject string) string {
		return fmt.Sprintf(`{"kind":"person","id":%q,"identities":[{"connection":"acme","subject":%q}]}`, id, subject)
	}
	i := w.receive(t, porting.New{}, file(
		person("a", "1"), person("a", "2"), person("b", "1"), person("c", "3"),
		`{"kind":"user","connection":"acme","id":"u","user_name":"Ada","external_id":"e"}`,
		`{"kind":"user","connection":"acme","id":"v","user_name":"aDA"}`,
		`{"kind":"user","connection":"acme","id":"w","user_name":"x","external_id":"e"}`,
		`{"kind":"user","connection":"partner","id":"u","user_name":"Ada","external_id":"e"}`,
		`{"kind":"user","connection":"acme","id":"of-refused","user_name":"y","person":"b"}`,
		`{"kind":"group","connection":"acme","id":"loop1","display_name":"l1"}`, `{"kind":"group","connection":"acme","id":"loop2","display_name":"l2"}`,
		`{"kind":"membership","connection":"acme","group":"loop1","subgroup":"loop2"}`, `{"kind":"membership","connection":"acme","group":"loop2","subgroup":"loop1"}`,
	))
	want := []string{
		"3 /id import_line_twice", "4 /identities/0 import_line_twice", "7 /user_name import_line_twice", "8 /external_id import_line_twice",
		"10 /person import_reference", "14 /subgroup import_nesting",
	}
	if got := w.faults(t, i); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if done := w.apply(t, i, true); counted(done)[porting.KindUser] != [4]int{2, 0, 0, 3} || counted(done)[porting.KindPerson] != [4]int{2, 0, 0, 2} {
		t.Errorf("%v", counted(done))
	}
}

func TestAUserNameThatAnotherUserHasIsRefusedWithTheirMembershipsAndThePersonComes(t *testing.T) {
	w := open(t, sqlite(t))
	w.take(t, porting.New{}, file(
		`{"kind":"user","connection":"acme","id":"pushed","user_name":"ada","external_id":"00u1"}`,
		`{"kind":"user","connection":"acme","id":"bare","user_name":"kim"}`))
	moved := func(connection string) string {
		return strings.ReplaceAll(file(
			`{"kind":"person","id":"p","identities":[{"connection":"partner","subject":"p"}]}`,
			`{"kind":"user","connection":"HERE","id":"old","person":"p","user_name":"Ada","external_id":"of-keycloak"}`,
			`{"kind":"group","connection":"HERE","id":"g","display_name":"g"}`,
			`{"kind":"membership","connection":"HERE","group":"g","user":"old"}`), "HERE", connection)
	}
	i := w.receive(t, porting.New{}, moved("acme"))
	if got, want := w.faults(t, i), []string{"3 /user_name record_taken", "5 /user import_reference"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if w.apply(t, i, true); w.owner(t, "partner", "p").ID != "p" {
		t.Error("the person did not come")
	}
	if done := w.take(t, porting.New{}, moved("partner")); counted(done)[porting.KindMembership] != [4]int{1, 0, 0, 0} {
		t.Errorf("control: on another connection: %v", counted(done))
	}
	for what, line := range map[string]string{
		"the external id is the same": `{"kind":"user","connection":"acme","id":"x","user_name":"ADA","external_id":"00u1","attributes":{"title":"Chief"}}`,
		"neither has an external id":  `{"kind":"user","connection":"acme","id":"y","user_name":"kim","attributes":{"title":"Chief"}}`,
	} {
		if done := w.take(t, porting.New{}, file(line)); counted(done)[porting.KindUser] != [4]int{0, 1, 0, 0} {
			t.Errorf("control: %s: %v", what, counted(done))
		}
	}
}

func TestAnImportLinksByIdAndSubjectAndNeverByAddressOrName(t *testing.T) {
	w := open(t, sqlite(t))
	ada := w.signIn(t, "acme", "ada") // ada@acme.example
	line := func(rest string) string {
		return `{"kind":"person","profile":{"name":"Signed ada","email":"ada@acme.example","email_verified":true,"username":"ada"},` + rest + `}`
	}
	w.take(t, porting.New{}, file(line(`"identities":[{"connection":"partner","subject":"ada"}]`)))
	if other := w.owner(t, "partner", "ada"); other.ID == "" || other.ID == ada.ID {
		t.Fatalf("the address made one of two: %+v", other)
	}
	done := w.take(t, porting.New{}, file(line(`"identities":[{"connection":"acme","subject":"ada"},{"connection":"partner","subject":"second"}]`)))
	linked := w.owner(t, "partner", "second")
	if linked.ID != ada.ID || counted(done)[porting.KindPerson] != [4]int{0, 1, 0, 0} || linked.Profile != ada.Profile {
		t.Errorf("control: the subject does, and the profile of the sign-in stays: %+v", linked)
	}
	w.take(t, porting.New{}, file(line(`"id":"`+ada.ID+`","identities":[{"connection":"partner","subject":"third"}]`)))
	if p := w.owner(t, "partner", "third"); p.ID != ada.ID {
		t.Errorf("control: so does the id: %+v", p)
	}
	if got := w.told(t, identity.Person(ada.ID)); !slices.Contains(got, "person.linked") {
		t.Errorf("%v", got)
	}
	if p := w.signIn(t, "partner", "third"); p.ID != ada.ID {
		t.Error("she does not sign in as who she is")
	}
}

func TestANameThatAGroupGotSinceStays(t *testing.T) {
	w := open(t, sqlite(t))
	group := func(id string) identity.GroupRef { return identity.GroupRef{Connection: "acme", ID: id} }
	i := w.receive(t, porting.New{}, file(`{"kind":"mapping","connection":"acme","group":"one","name":"file"}`, `{"kind":"mapping","connection":"acme","group":"two","name":"file"}`,
		`{"kind":"group","connection":"acme","id":"three","display_name":"Three"}`, `{"kind":"mapping","connection":"acme","group":"three","name":"file"}`))
	if err := w.people.Map(t.Context(), directory.Mapping{Group: group("one"), Name: adminsGroup}, by); err != nil {
		t.Fatal(err)
	}
	done := w.apply(t, i, false)
	if got := w.faults(t, i); !slices.Equal(got, []string{"2 /name import_mapping"}) || counted(done)[porting.KindMapping] != [4]int{2, 0, 0, 1} {
		t.Errorf("%v %v", got, counted(done))
	}
	all, err := w.db.Mappings(t.Context())
	if err != nil || len(all) != 3 || !slices.Contains(all, directory.Mapping{Group: group("one"), Name: adminsGroup}) {
		t.Errorf("%v %v", all, err)
	}
}

func TestTwoLinesOfOnePersonBothCount(t *testing.T) {
	w := open(t, sqlite(t))
	kim := w.signIn(t, "acme", "kim")
	w.take(t, porting.New{}, file(
		`{"kind":"person","id":"`+kim.ID+`","identities":[{"connection":"partner","subject":"first"}]}`,
		`{"kind":"person","identities":[{"connection":"acme","subject":"kim"},{"connection":"partner","subject":"second"}],"disabled":true}`))
	p := w.owner(t, "partner", "first")
	if p.ID != kim.ID || !p.Disabled || len(p.Identities) != 3 || p.Version != kim.Version+2 {
		t.Errorf("%+v", p)
	}
}

func TestWhoWasPushedAndNeverSignedInIsWhoTheirSubjectWillBe(t *testing.T) {
	directories(t, func(t *testing.T, open func(*testing.T) *world) {
		w := open(t)
		pushed := func(subject string) string {
			t.Helper()
			op := record.Operation{ID: identity.NewOrderedID(w.clock()), Connection: "acme", Kind: "test", Actor: by, Time: w.clock()}
			u, _, err := w.records.CreateUser(t.Context(), op, record.User{Connection: "acme", ExternalID: subject, UserName: subject, Active: true})
			if err != nil {
				t.Fatal(err)
			}
			return u.Person
		}
		ada, bob, boss := w.signIn(t, "acme", "ada"), pushed("bob"), pushed("boss")
		if err := w.records.Protect(t.Context(), identity.Person(boss), true, by); err != nil {
			t.Fatal(err)
		}
		line := `{"kind":"person","identities":[{"connection":"acme","subject":%q},{"connection":"partner","subject":%q}]}`
		i := w.receive(t, porting.New{}, file(
			`{"kind":"person","id":"`+ada.ID+`","identities":[{"connection":"acme","subject":"bob"}]}`,
			fmt.Sprintf(line, "boss", "evil"), fmt.Sprintf(line, "kim", "kim")))
		if got := w.faults(t, i); !slices.Equal(got, []string{"2 /identities/0 import_two_people", "3  import_protected"}) {
			t.Errorf("%v", got)
		}
		w.apply(t, i, true)
		if w.owner(t, "partner", "evil").ID != "" || w.owner(t, "partner", "kim").ID == "" || w.owner(t, "acme", "bob").ID != "" {
			t.Error("the boss or ada was linked, or kim not")
		}
		done := w.take(t, porting.New{}, file(fmt.Sprintf(line, "bob", "bob")))
		counts(t, done, map[porting.Kind][4]int{porting.KindPerson: {0, 1, 0, 0}})
		if p := w.owner(t, "partner", "bob"); p.ID != bob {
			t.Errorf("control: bob is linked as who was pushed: %+v", p)
		}
	})
}

func TestWhoIsOffStaysOffAndWhoIsSwitchedOffLosesWhatTheyHave(t *testing.T) {
	w := open(t, sqlite(t))
	ada, kim := w.signIn(t, "acme", "ada"), w.signIn(t, "acme", "kim")
	if err := w.people.SetPersonDisabled(t.Context(), ada.ID, true, by); err != nil {
		t.Fatal(err)
	}
	done := w.take(t, porting.New{}, file(
		`{"kind":"person","identities":[{"connection":"acme","subject":"ada"}]}`,
		`{"kind":"person","identities":[{"connection":"acme","subject":"kim"}],"disabled":true}`,
		`{"kind":"user","connection":"acme","id":"u","user_name":"gone","inactive":true}`,
	))
	counts(t, done, map[porting.Kind][4]int{porting.KindPerson: {0, 1, 1, 0}, porting.KindUser: {1}})
	if !w.owner(t, "acme", "ada").Disabled || !w.owner(t, "acme", "kim").Disabled {
		t.Error("who was off is on, or the other not off")
	}
	if got := w.told(t, identity.Person(kim.ID)); !slices.Contains(got, "person.disabled") {
		t.Errorf("%v", got)
	}
	w.take(t, porting.New{}, file(`{"kind":"user","connection":"acme","id":"u","user_name":"gone"}`))
	u, err := w.records.User(t.Context(), "acme", "u")
	if err != nil || u.Active {
		t.Errorf("a record that was inactive came back: %+v %v", u, err)
	}
}

func TestWhoIsProtectedIsChangedByNoImportAndOthersAre(t *testing.T) {
	directories(t, func(t *testing.T, open func(*testing.T) *world) {
		w := open(t)
		if err := w.people.Map(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: "admin-group"}, Name: adminsGroup}, by); err != nil {
			t.Fatal(err)
		}
		boss := w.signIn(t, "acme", "boss", "admin-group")
		w.signIn(t, "acme", "worker")
		lines := func(who string) []string {
			return []string{
				fmt.Sprintf(`{"kind":"person","id":"p-%[1]s","identities":[{"connection":"acme","subject":%[1]q},{"connection":"partner","subject":"evil-%[1]s"}]}`, who),
				fmt.Sprintf(`{"kind":"person","id":"q-%[1]s","identities":[{"connection":"acme","subject":"x-%[1]s"}]}`, who),
			}
		}
		i := w.receive(t, porting.New{}, file(append(lines("boss"), lines("worker")...)...))
		if got := w.faults(t, i); !slices.Equal(got, []string{"2  import_protected"}) {
			t.Errorf("%v", got)
		}
		w.apply(t, i, true)
		if w.owner(t, "partner", "evil-boss").ID != "" || w.owner(t, "partner", "evil-worker").ID == "" {
			t.Error("the boss was linked, or the worker not")
		}
		i = w.receive(t, porting.New{}, file(`{"kind":"person","identities":[{"connection":"acme","subject":"boss"}],"disabled":true}`,
			`{"kind":"user","connection":"acme","id":"u","user_name":"b","person":"`+boss.ID+`"}`))
		if got := w.faults(t, i); !slices.Equal(got, []string{"2  import_protected", "3  import_protected"}) {
			t.Errorf("%v", got)
		}
		i = w.receive(t, porting.New{}, file(`{"kind":"person","identities":[{"connection":"acme","subject":"boss"}]}`))
		if n := counted(i)[porting.KindPerson]; n != [4]int{0, 0, 1, 0} {
			t.Errorf("control: what changes nothing is no change: %v", n)
		}
		// A group that makes the role takes no members.
		w.take(t, porting.New{}, file(`{"kind":"group","connection":"acme","id":"made","display_name":"made"}`, `{"kind":"user","connection":"acme","id":"m","user_name":"m"}`))
		if err := w.people.Map(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: "made"}, Name: adminsGroup}, by); err != nil {
			t.Fatal(err)
		}
		member := file(`{"kind":"membership","connection":"acme","group":"made","user":"m"}`)
		if got := w.faults(t, w.receive(t, porting.New{}, member)); !slices.Equal(got, []string{"2  import_protected"}) {
			t.Errorf("%v", got)
		}
		w.touch["acme"] = true
		if done := w.take(t, porting.New{}, member); counted(done)[porting.KindMembership] != [4]int{1} {
			t.Errorf("control: a connection that may: %v", counted(done))
		}
	})
}

func TestAnImportDoesNothingThatASecondPersonApproves(t *testing.T) {
	w := open(t, sqlite(t))
	ada := w.signIn(t, "acme", "ada")
	w.take(t, porting.New{}, file(`{"kind":"user","connection":"acme","id":"u-kim","user_name":"kim"}`))
	text := file(
		`{"kind":"person","identities":[{"connection":"acme","subject":"ada"}],"disabled":true}`,
		`{"kind":"mapping","connection":"acme","group":"g","name":"everybody"}`,
		`{"kind":"assignment","app":"expense-bot","role":"user","whom":{"group":{"connection":"acme","id":"g"}},"reason":"r"}`,
		`{"kind":"user","connection":"acme","id":"u-kim","user_name":"kim","inactive":true}`,
		`{"kind":"user","connection":"acme","id":"u-new","user_name":"new","inactive":true}`,
		`{"kind":"user","connection":"acme","id":"u-ada","user_name":"ada","person":"`+ada.ID+`","inactive":true}`,
		`{"kind":"user","connection":"acme","id":"u-her","user_name":"her","external_id":"ada","inactive":true}`,
		`{"kind":"person","id":"lee","identities":[{"connection":"acme","subject":"lee"}]}`,
		`{"kind":"user","connection":"acme","id":"u-lee","user_name":"lee","person":"lee","inactive":true}`,
	)
	i := w.receive(t, porting.New{Options: porting.Options{Held: porting.Held()}}, text)
	if got := w.faults(t, i); !slices.Equal(got, []string{"2 /disabled import_four_eyes", "3  import_four_eyes", "4  import_four_eyes", "5 /inactive import_four_eyes", "7 /inactive import_four_eyes", "8 /inactive import_four_eyes"}) {
		t.Errorf("%v", got)
	}
	if i := w.receive(t, porting.New{}, text); len(w.faults(t, i)) > 0 {
		t.Errorf("control: %v", w.faults(t, i))
	}
}

// Whoever has a file checked by somebody who may do everything alone cannot do it in their
// place.
func TestWhatWasCheckedForSomebodyWhoMayDoMoreIsNotApplied(t *testing.T) {
	w := open(t, sqlite(t))
	const text = `{"kind":"mapping","connection":"acme","group":"g","name":"everybody"}`
	named := func() int {
		all, err := w.db.Mappings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	free := w.receive(t, porting.New{}, file(text))
	for _, held := range porting.Held() {
		if _, err := w.Apply(t.Context(), free.ID, porting.Order{SkipRefused: true, Held: []string{held}, By: by}); !errors.Is(err, porting.ErrHeld) {
			t.Errorf("%s: %v", held, err)
		}
	}
	own := w.receive(t, porting.New{Options: porting.Options{Held: porting.Held()}}, file(text))
	if done, err := w.Apply(t.Context(), own.ID, porting.Order{SkipRefused: true, Held: porting.Held(), By: by}); err != nil || done.State != porting.Done || named() != 0 {
		t.Errorf("%s, %d names, %v", done.State, named(), err)
	}
	if done := w.apply(t, free, false); done.State != porting.Done || named() != 1 {
		t.Errorf("control: %s, %d names", done.State, named())
	}
}

func TestTheGuardOfAConnectionStopsAnImportThatTakesTooManyAway(t *testing.T) {
	w := open(t, sqlite(t))
	var on, off []string
	for n := range 10 {
		on = append(on, fmt.Sprintf(`{"kind":"user","connection":"acme","id":"u%d","user_name":"u%d"}`, n, n))
		off = append(off, fmt.Sprintf(`{"kind":"user","connection":"acme","id":"u%d","user_name":"u%d","inactive":true}`, n, n))
	}
	w.take(t, porting.New{}, file(on...))
	w.now.Add(int64(2 * time.Hour))
	if done := w.take(t, porting.New{}, file(off[:2]...)); done.State != porting.Done {
		t.Fatalf("control: %+v", done.Fault)
	}
	done := w.take(t, porting.New{}, file(off...))
	if done.State != porting.Stopped || done.Fault == nil || done.Fault.Code != "scim_halted" {
		t.Errorf("%s %+v", done.State, done.Fault)
	}
	if u, err := w.records.User(t.Context(), "acme", "u9"); err != nil || !u.Active {
		t.Errorf("%+v %v", u, err)
	}
}

func TestAnImportIsAppliedOnceAndInTimeAndWhatChangedMeanwhileIsRefused(t *testing.T) {
	w := open(t, sqlite(t))
	text := file(`{"kind":"person","id":"x","identities":[{"connection":"acme","subject":"one"},{"connection":"acme","subject":"two"}]}`)
	i := w.receive(t, porting.New{}, text)
	w.signIn(t, "acme", "one")
	w.signIn(t, "acme", "two")
	done := w.apply(t, i, false)
	if got := w.faults(t, done); done.State != porting.Done || !slices.Equal(got, []string{"2 /identities/1 import_two_people"}) {
		t.Errorf("%s %v", done.State, got)
	}
	counts(t, done, map[porting.Kind][4]int{porting.KindPerson: {0, 0, 0, 1}})
	if _, err := w.Apply(t.Context(), i.ID, porting.Order{SkipRefused: true, By: by}); !errors.Is(err, porting.ErrState) {
		t.Errorf("again: %v", err)
	}
	late := w.receive(t, porting.New{}, file(`{"kind":"person","id":"y","identities":[{"connection":"acme","subject":"y"}]}`))
	w.now.Add(int64(porting.ApplyWithin + time.Second))
	if _, err := w.Apply(t.Context(), late.ID, porting.Order{SkipRefused: true, By: by}); !errors.Is(err, porting.ErrExpired) {
		t.Errorf("late: %v", err)
	}
	if err := w.Discard(t.Context(), late.ID, by); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Get(t.Context(), late.ID); !errors.Is(err, porting.ErrNotFound) {
		t.Errorf("discarded: %v", err)
	}
	if all, _, err := w.List(t.Context(), "", 10); err != nil || len(all) != 1 || all[0].ID != i.ID {
		t.Errorf("%+v %v", all, err)
	}
}

func TestAnAssignmentIsForWhomItWasAsTheyAreKnownHere(t *testing.T) {
	w := open(t, sqlite(t))
	ada := w.signIn(t, "acme", "ada")
	w.take(t, porting.New{}, file(
		`{"kind":"person","id":"elsewhere","identities":[{"connection":"acme","subject":"ada"}]}`,
		`{"kind":"assignment","app":"expense-bot","role":"approver","whom":{"person":"elsewhere"},"until":"2027-01-01T00:00:00Z","reason":"as before"}`,
		`{"kind":"assignment","app":"expense-bot","role":"user","whom":{"attribute":{"name":"department","values":["Sales"]}},"reason":"all of sales"}`,
	))
	page, _, err := w.assign.OfPerson(t.Context(), ada.ID, entitlement.Query{})
	if err != nil || len(page) != 1 || page[0].Role != "approver" || page[0].By != by || page[0].Until.Year() != 2027 {
		t.Errorf("%+v %v", page, err)
	}
}

func TestAnAssignmentThatIsOverBeforeItIsAppliedIsRefusedWhereItSaysSo(t *testing.T) {
	w := open(t, sqlite(t))
	i := w.receive(t, porting.New{}, file(
		`{"kind":"assignment","app":"expense-bot","role":"approver","whom":{"attribute":{"name":"department","values":["Sales"]}},"until":"`+began.Add(time.Hour).Format(time.RFC3339)+`","reason":"for an hour"}`,
		`{"kind":"assignment","app":"expense-bot","role":"user","whom":{"attribute":{"name":"department","values":["Sales"]}},"reason":"all of sales"}`,
	))
	w.now.Add(int64(2 * time.Hour))
	done := w.apply(t, i, false)
	if got := w.faults(t, done); !slices.Equal(got, []string{"2 /until assignment_until"}) {
		t.Errorf("%s %v", done.State, got)
	}
	counts(t, done, map[porting.Kind][4]int{porting.KindAssignment: {1, 0, 0, 1}})
}

// wanted is a fault, and where it is to point.
type wanted struct {
	err *fault.Error
	at  string
}
