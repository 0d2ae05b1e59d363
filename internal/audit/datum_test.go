package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// FuzzADatumIsReadAsItWasWritten holds Datum to what the event has, whatever other
// values say.
func FuzzADatumIsReadAsItWasWritten(f *testing.F) {
	f.Add("app-1", "openid", "client")
	f.Add(`a "app":"no" b`, `\","app":"x`, `c","data":{"app":"y"}`)
	f.Add("Zoë\u2028<", "\x00\\", "\"")
	f.Add("", `"`, `\`)
	f.Fuzz(func(t *testing.T, app, scope, actor string) {
		who := identity.Actor{Ref: identity.Client(actor), Address: scope, Request: app}
		e := event.New(time.Unix(1, 0), "token.issued", who, identity.App(scope), "app", app, "audience", scope, "scope", actor)
		body := audit.Canonical(e)
		for name, want := range e.Data {
			if got := audit.Datum(body, name); got != strings.ToValidUTF8(want, "\uFFFD") {
				t.Errorf("%s of %s: %q", name, body, got)
			}
		}
		if got := audit.Datum(body, "rule"); got != "" {
			t.Errorf("what is not there: %q", got)
		}
	})
}
