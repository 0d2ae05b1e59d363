package keyring

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// keyTag says where a key is in its life.
func keyTag(k keys.Info) ui.Tag {
	switch k.Stage {
	case keys.Waiting:
		return ui.Tag{Text: ui.T("Published, signs soon")}
	case keys.Signing:
		return ui.Tag{Text: ui.T("Signing"), Tone: ui.Good}
	case keys.Retired:
		return ui.Tag{Text: ui.T("Retired, still verifies"), Tone: ui.Warn}
	case keys.Killed:
		return ui.Tag{Text: ui.T("Killed"), Tone: ui.Bad}
	case keys.Removed:
	}
	return ui.Tag{Text: ui.T("Removed")}
}

// keysView is what the page of keys shows.
type keysView struct {
	// From, Now and To are the ends and the middle of the pictures.
	From, Now, To time.Time
	Rings         []ringView
	// CSV and Lines are where the list is to be had as a file.
	CSV, Lines string
}

// ringView is the keys of one algorithm.
type ringView struct {
	Algorithm string
	Offers    []kit.Offer
	Keys      []keyView
	// Next is when the next key is going to be published, if that is known.
	Next time.Time
}

// keyView is one key: its life as a line of a picture, 0 to 1000 across.
type keyView struct {
	keys.Info
	Tag    ui.Tag
	Spans  []keySpan
	Offers []kit.Offer
}

// keySpan is a part of a key's life.
type keySpan struct {
	Stage     keys.Stage
	At, Width float64
}

// The window of a timeline: what was, and what is going to be.
const (
	keysBefore = 45 * 24 * time.Hour
	keysAfter  = 135 * 24 * time.Hour
	lineWidth  = 1000
)

// alive reports whether a key is of interest beside its history.
func alive(k keys.Info, from time.Time) bool {
	return k.Stage != keys.Removed && k.Stage != keys.Killed || k.RemoveAt.After(from)
}

func (c *Console) showKeys(v *kit.Visit) (kit.Answer, error) {
	list := c.keyList()
	if v.Exports() {
		return list.Show(v, ui.T("Keys"), kit.Around{})
	}
	if err := list.Check(v); err != nil {
		return nil, err
	}
	all, err := c.o.Keys.List(v.Context())
	if err != nil {
		return nil, err
	}
	now := c.Now()
	page := keysView{
		From: now.Add(-keysBefore), Now: now, To: now.Add(keysAfter),
	}
	page.CSV, page.Lines = list.Exports()
	for _, k := range all {
		i := slices.IndexFunc(page.Rings, func(r ringView) bool { return r.Algorithm == string(k.Algorithm) })
		if i < 0 {
			i, page.Rings = len(page.Rings), append(page.Rings, ringView{
				Algorithm: string(k.Algorithm),
				Offers:    v.Offers(kit.Way("/keys/{algorithm}/rotate", ui.T("Rotate"), " refresh", string(k.Algorithm))),
			})
		}
		if alive(k, page.From) {
			page.Rings[i].Keys = append(page.Rings[i].Keys, page.key(v, k))
		}
	}
	return kit.View{Title: ui.T("Keys"), Template: "keys", Data: page}, nil
}

func (p *keysView) key(v *kit.Visit, k keys.Info) keyView {
	line := keyView{Info: k, Tag: keyTag(k)}
	if k.Stage != keys.Removed && k.Stage != keys.Killed {
		line.Offers = v.Offers(kit.Way("/keys/{kid}/kill", ui.T("Kill"), "danger", k.ID))
	}
	at := func(t time.Time) float64 {
		part := float64(t.Sub(p.From)) / float64(p.To.Sub(p.From))
		return min(max(part, 0), 1) * lineWidth
	}
	add := func(stage keys.Stage, from, to time.Time) {
		if to.IsZero() {
			to = p.To
		}
		if a, b := at(from), at(to); b > a {
			line.Spans = append(line.Spans, keySpan{stage, a, b - a})
		}
	}
	end := k.RemoveAt
	retired := k.RetiredAt
	add(keys.Waiting, k.Published, earlier(k.SignsFrom, retired))
	add(keys.Signing, k.SignsFrom, earlier(retired, end))
	if !retired.IsZero() {
		add(keys.Retired, retired, end)
	}
	return line
}

// earlier is the first of two times, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (c *Console) keyList() *kit.List[keys.Info] {
	return &kit.List[keys.Info]{
		Name: "keys", Path: c.Path("/keys"), Caption: ui.T("Keys"),
		Columns: []kit.Column[keys.Info]{
			{Title: ui.T("Key (kid)"), Name: "id", Cell: func(k keys.Info) kit.Cell { return kit.Cell{Text: k.ID} }},
			{Title: ui.T("Algorithm"), Name: "algorithm", Cell: func(k keys.Info) kit.Cell { return kit.Cell{Text: string(k.Algorithm)} }},
			{Title: ui.T("Stage"), Name: "stage", Cell: func(k keys.Info) kit.Cell { return kit.Cell{Text: string(k.Stage)} }},
			{Title: ui.T("Published"), Name: "published", Cell: func(k keys.Info) kit.Cell { return kit.Cell{Time: k.Published} }},
			{Title: ui.T("Signs from"), Name: "signs_from", Cell: func(k keys.Info) kit.Cell { return kit.Cell{Time: k.SignsFrom} }},
			{Title: ui.T("Retired"), Name: "retired_at", Cell: func(k keys.Info) kit.Cell { return kit.Cell{Time: k.RetiredAt} }},
			{Title: ui.T("Removed"), Name: "remove_at", Cell: func(k keys.Info) kit.Cell { return kit.Cell{Time: k.RemoveAt} }},
		},
		Fetch: kit.Shelf[keys.Info]{
			All:  func(ctx context.Context) ([]keys.Info, error) { return c.o.Keys.List(ctx) },
			ID:   func(k keys.Info) string { return k.ID },
			Keep: func(keys.Info, kit.Query) bool { return true },
			Orders: map[string]func(a, b keys.Info) int{
				"": func(a, b keys.Info) int { return cmp.Compare(a.Published.UnixMicro(), b.Published.UnixMicro()) },
			},
		}.Fetch,
	}
}

func (c *Console) rules() []kit.Rule {
	return []kit.Rule{
		{Path: "/keys", Right: admin.ReadKeys, Show: c.showKeys},
		{Path: "/keys/{algorithm}/rotate", Right: admin.WriteKeys, Ask: c.askRotateKey, Operation: "rotateKey", Then: "/keys", Notice: "key-rotated"},
		{Path: "/keys/{kid}/kill", Right: admin.WriteKeys, Ask: c.askKillKey, Operation: "killKey", Then: "/keys", Notice: "key-killed"},
	}
}

// Figures are those of the first page.
func (c *Console) Figures(v *kit.Visit) (page kit.Figures, err error) {
	if !v.Who.May(admin.ReadKeys) {
		return page, nil
	}
	all, err := c.o.Keys.List(v.Context())
	if err != nil {
		return page, err
	}
	s := ui.Stat{Label: ui.T("Keys"), Href: c.Path("/keys")}
	signing := 0
	var oldest time.Time
	for _, k := range all {
		if k.Stage == keys.Signing {
			signing++
			if oldest.IsZero() || k.SignsFrom.Before(oldest) {
				oldest = k.SignsFrom
			}
		}
	}
	s.Value, s.Note = signing, ui.T("sign; the oldest for %s", c.Age(oldest))
	if !oldest.IsZero() {
		if left := c.o.Due(); left < 0 {
			s.Note, s.Tone = ui.T("sign; the oldest is overdue"), ui.Warn
		} else {
			s.Note = ui.T("sign; the next rotation in %s", kit.Span(left))
		}
	}
	if signing == 0 {
		s.Tone, s.Note = ui.Bad, ui.T("no key can sign")
	}
	page.Stats = append(page.Stats, s)
	return page, nil
}
