package kit

import (
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Rule is one page or action. The table of them is the router, and what the test of who
// may do what walks through.
type Rule struct {
	// Path is below Base, with places in braces as http.ServeMux has them.
	Path string
	// Right is what whoever visits must have. With Owned, an app's owner has it for the
	// app that the place {name} of the path names.
	Right admin.Right
	Owned bool
	// Show answers GET. Ask does instead for what is to be confirmed, and is asked again
	// before the POST is done.
	Show func(*Visit) (Answer, error)
	Ask  func(*Visit) (Confirmation, error)
	// POST does Operation, one of the management API's, with the places of the path, and
	// leads on to Then, a path of the table with some of the same places, with the Notice
	// of this code. Act answers POST where that is not enough.
	Operation, Then, Notice string
	Act                     func(*Visit) (Answer, error)
	// Upload lets the form bring a file: it is multipart/form-data, see Visit.File.
	Upload bool
	// Receives is Upload for a file of any size, which Act reads as it comes: see
	// Visit.Incoming. The other fields stand before it in the form.
	Receives bool
}

// Gets reports whether the rule answers GET.
func (ru Rule) Gets() bool { return ru.Show != nil || ru.Ask != nil }

// Posts reports whether the rule answers POST.
func (ru Rule) Posts() bool { return ru.Act != nil || ru.Operation != "" }

// Offer is a way to a page or an action.
type Offer struct {
	Text ui.Text
	// Tone is "primary", "danger" or nothing in particular; Icon may be empty.
	Tone, Icon string
	// Href is where it leads, with the prefix; Post says that it is done by a form, without a question.
	Href string
	Post bool
}

// Class is how the offer looks.
func (o Offer) Class() string {
	switch o.Tone {
	case "primary":
		return ""
	case "":
		return "quiet"
	}
	return o.Tone
}

// Offers keeps what whoever visits may do, by the table.
func (v *Visit) Offers(all ...Offering) []Offer {
	var open []Offer
	for _, one := range all {
		ru := v.s.rule(one.rule)
		name := ""
		if ru.Owned {
			name = one.app.Name
		}
		if !v.may(ru, name, one.app.Manifest.Spec.Owner.Team) {
			continue
		}
		one.Href, one.Post = v.Path(Fill(one.rule, one.ids...)), !ru.Gets()
		open = append(open, one.Offer)
	}
	return open
}

// Offering is an offer by the rule that it leads to.
type Offering struct {
	Offer
	// rule is a path of the table; ids fill its places.
	rule string
	ids  []string
	// app is the one that an owned rule is about.
	app catalog.App
}

// Way is an offering; look is its tone and, behind a blank, its icon.
func Way(rule string, text ui.Text, look string, ids ...string) Offering {
	tone, icon, _ := strings.Cut(look, " ")
	return Offering{Offer: Offer{Text: text, Tone: tone, Icon: icon}, rule: rule, ids: ids}
}

// OfApp is a way to do something to an app.
func OfApp(app catalog.App, rule string, text ui.Text, look string) Offering {
	return Way(rule, text, look, app.Name).For(app)
}

// For says which app the offering is about, where its rule is owned.
func (o Offering) For(app catalog.App) Offering {
	o.app = app
	return o
}

// Fill puts ids into the places of a path, in order.
func Fill(path string, ids ...string) string {
	var b strings.Builder
	for path != "" {
		before, rest, found := strings.Cut(path, "{")
		b.WriteString(before)
		if !found {
			break
		}
		_, path, _ = strings.Cut(rest, "}")
		if len(ids) > 0 {
			b.WriteString(url.PathEscape(ids[0]))
			ids = ids[1:]
		}
	}
	return b.String()
}
