package console

import (
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// errNoKey refuses an algorithm or an id that no key has.
var errNoKey = fault.New(fault.NotFound, "key_not_found", "there is no such key")

func (c *Console) askRotateKey(v *visit) (confirmation, error) {
	all, err := c.o.Keys.List(v.r.Context())
	if err != nil {
		return confirmation{}, err
	}
	algorithm := v.r.PathValue("algorithm")
	q := confirmation{
		title: ui.T("Rotate the %s key?", algorithm), button: ui.T("Publish the next key"), harmless: true, back: "/keys", state: algorithm,
		lead: ui.T("The next key is published now and signs once every app can know it. The one that signs so far goes on verifying what it signed: no token is refused."),
	}
	known := false
	for _, k := range all {
		if string(k.Algorithm) != algorithm {
			continue
		}
		known = true
		if k.Stage == keys.Signing {
			q.hits = append(q.hits, hitting(ui.T("Key that signs until then"), cell{Text: k.ID, Code: true, Time: k.SignsFrom}))
			q.state += k.ID
		}
	}
	if !known {
		return q, errNoKey
	}
	return q, nil
}

func (c *Console) askKillKey(v *visit) (confirmation, error) {
	all, err := c.o.Keys.List(v.r.Context())
	if err != nil {
		return confirmation{}, err
	}
	i := slices.IndexFunc(all, func(k keys.Info) bool { return k.ID == v.r.PathValue("kid") })
	if i < 0 || all[i].Stage == keys.Killed || all[i].Stage == keys.Removed {
		return confirmation{}, errNoKey
	}
	k := all[i]
	q := confirmation{
		title: ui.T("Kill the key %s?", k.ID), button: ui.T("Kill the key"), back: "/keys", state: k.ID + string(k.Stage),
		lead: ui.T("For an emergency: the key leaves the published keys at once, its private half is erased, and every token that it signed is refused. Where it is the one that signs, a fresh key takes over. Sessions go on."),
		hits: []hit{
			hitting(ui.T("Key"), cell{Text: string(k.Algorithm), Tags: []ui.Tag{keyTag(k)}}),
			hitting(ui.T("What it signed since then is refused"), cell{Time: laterOf(k.SignsFrom, k.Published)}),
		},
	}
	apps, err := c.o.Apps.Apps(v.r.Context())
	if err != nil {
		return q, err
	}
	var names []cell
	for _, a := range apps {
		if a.SignedBy(k.Algorithm) {
			names = append(names, cell{Text: a.Title(), Href: c.appPath(a)})
		}
	}
	if k.Algorithm == keys.SAML {
		q.lead = ui.T("For an emergency: the key leaves the metadata at once, and its private half is erased. Where it is the one that signs, a fresh key takes over, and apps that speak SAML let nobody in until they have its certificate.")
		q.hits = append(q.hits[:1], naming(ui.T("Apps whose assertions it signs"), names))
		return q, nil
	}
	q.hits = append(q.hits, naming(ui.T("Apps whose tokens it signs"), names))
	return q, nil
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
