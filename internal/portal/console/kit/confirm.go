package kit

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// seenField is the form field that says what was shown before an action.
const seenField = "seen"

// NamesShown is how many names of what an action hits are spelled out.
const NamesShown = 12

// Confirmation is what an action shows before it is done.
type Confirmation struct {
	Title ui.Text
	// Lead says what is going to happen, Hits what it touches.
	Lead ui.Text
	Hits []Hit
	// Button is the text of the one that does it; with Harmless it is no warning.
	Button   ui.Text
	Harmless bool
	// Back is where the question can be left to, below Base.
	Back string
	// State identifies what was looked at, such as an object's version: when it is
	// another by the time of the POST, the question is asked again. What changes by
	// itself all the time, such as the number of sessions, does not belong in it.
	State string
	// Reason asks for a reason, which the POST brings as the field of that name.
	Reason bool
}

// Hit is one kind of thing that an action touches.
type Hit struct {
	Label ui.Text
	Count int64
	// More says that there are more than Count, which were not counted.
	More bool
	// Names are some of them.
	Names []Cell
}

// Rest is how many of the counted are not named.
func (h Hit) Rest() int { return int(h.Count) - len(h.Names) }

// Hitting names all of what is hit.
func Hitting(label ui.Text, names ...Cell) Hit {
	return Hit{Label: label, Count: int64(len(names)), Names: names}
}

// version identifies what the question is about. It is never empty.
func (q Confirmation) version() string {
	sum := sha256.Sum256([]byte(q.Back + "\x00" + q.State))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// confirmView is what the template of questions gets.
type confirmView struct {
	Lead     ui.Text
	Hits     []Hit
	Action   string
	Fields   map[string]string
	Button   ui.Text
	Harmless bool
	Reason   bool
	Back     string
}

// question is the page that asks before an action.
func (v *Visit) question(q Confirmation, said *ui.Notice) Answer {
	fields := map[string]string{seenField: q.version()}
	status := http.StatusOK
	if said != nil {
		status = http.StatusConflict
	}
	return View{
		Status: status, Title: q.Title, Template: "confirm", Notice: said,
		Data: confirmView{
			Lead: q.Lead, Hits: q.Hits, Action: v.Path(strings.TrimPrefix(v.Request.URL.EscapedPath(), Base)), Fields: fields,
			Button: q.Button, Harmless: q.Harmless, Reason: q.Reason, Back: v.Path(q.Back),
		},
	}
}

// Naming lists up to NamesShown names of all.
func Naming(label ui.Text, all []Cell) Hit {
	return Hit{Label: label, Count: int64(len(all)), Names: slices.Clip(all[:min(len(all), NamesShown)])}
}
