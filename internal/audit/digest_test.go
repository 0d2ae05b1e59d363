package audit_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// drawEvent makes an event whose texts come from text.
func drawEvent(t *rapid.T, text *rapid.Generator[string]) event.Event {
	ref := rapid.Custom(func(t *rapid.T) identity.Ref {
		return identity.Ref{Kind: identity.Kind(text.Draw(t, "kind")), ID: text.Draw(t, "id")}
	})
	return event.Event{
		ID: text.Draw(t, "id"), Type: text.Draw(t, "type"),
		Time:    time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "time")).UTC(),
		Actor:   identity.Actor{Ref: ref.Draw(t, "actor"), Address: text.Draw(t, "address"), Request: text.Draw(t, "request")},
		Subject: ref.Draw(t, "subject"), Revokes: rapid.SliceOfN(ref, 0, 3).Draw(t, "revokes"),
		Data: rapid.MapOfN(rapid.StringMatching(`[a-z_]+`), text, 0, 4).Draw(t, "data"),
	}
}

func TestCanonicalIsWhatEncodingJSONMakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t, rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]*`)))
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := audit.Canonical(e); string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

// An entry is written from an event and verified from what was read of it: texts
// from outside, UTF-8 or not, must not make the log look changed.
func TestWhatIsReadHasTheDigestItWasWrittenWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t, rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		body := audit.Canonical(e)
		var read event.Event
		if err := json.Unmarshal(body, &read); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if string(audit.Digest(read)) != string(audit.DigestOf(body)) {
			t.Fatalf("what was read has another digest: %s", body)
		}
	})
}
