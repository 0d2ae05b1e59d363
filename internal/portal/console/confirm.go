package console

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// seenField is the form field that says what was shown before an action.
const seenField = "seen"

// confirmation is what an action shows before it is done.
type confirmation struct {
	title ui.Text
	// lead says what is going to happen, hits what it touches.
	lead ui.Text
	hits []hit
	// button is the text of the one that does it; with harmless it is no warning.
	button   ui.Text
	harmless bool
	// back is where the question can be left to, below base.
	back string
	// state identifies what was looked at, such as an object's version: when it is
	// another by the time of the POST, the question is asked again. What changes by
	// itself all the time, such as the number of sessions, does not belong in it.
	state string
	// reason asks for a reason, which the POST brings as the field of that name.
	reason bool
	// keep are fields that the POST needs again.
	keep map[string]string
}

// hit is one kind of thing that an action touches.
type hit struct {
	Label ui.Text
	Count int64
	// More says that there are more than Count, which were not counted.
	More bool
	// Names are some of them.
	Names []cell
}

// Rest is how many of the counted are not named.
func (h hit) Rest() int { return int(h.Count) - len(h.Names) }

// hitting names all of what is hit.
func hitting(label ui.Text, names ...cell) hit {
	return hit{Label: label, Count: int64(len(names)), Names: names}
}

// version identifies what the question is about. It is never empty.
func (q confirmation) version() string {
	sum := sha256.Sum256([]byte(q.back + "\x00" + q.state))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// confirmView is what the template of questions gets.
type confirmView struct {
	Lead     ui.Text
	Hits     []hit
	Action   string
	Fields   map[string]string
	Button   ui.Text
	Harmless bool
	Reason   bool
	Back     string
}

// question is the page that asks before an action.
func (v *visit) question(q confirmation, said *ui.Notice) answer {
	fields := map[string]string{seenField: q.version()}
	for name, value := range q.keep {
		fields[name] = value
	}
	status := http.StatusOK
	if said != nil {
		status = http.StatusConflict
	}
	return view{
		status: status, title: q.title, template: "confirm", notice: said,
		data: confirmView{
			Lead: q.lead, Hits: q.hits, Action: v.c.path(strings.TrimPrefix(v.r.URL.EscapedPath(), base)), Fields: fields,
			Button: q.button, Harmless: q.harmless, Reason: q.reason, Back: v.c.path(q.back),
		},
	}
}
