package keyring

import (
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// errNoKey refuses an algorithm or an id that no key has.
var errNoKey = fault.New(fault.NotFound, "key_not_found", "there is no such key")

func (c *Console) askRotateKey(v *kit.Visit) (kit.Confirmation, error) {
	all, err := c.o.Keys.List(v.Context())
	if err != nil {
		return kit.Confirmation{}, err
	}
	algorithm := v.PathValue("algorithm")
	q := kit.Confirmation{
		Title: ui.T("Rotate the %s key?", algorithm), Button: ui.T("Publish the next key"), Harmless: true, Back: "/keys", State: algorithm,
		Lead: ui.T("The next key is published now and signs once every app can know it. The one that signs so far goes on verifying what it signed: no token is refused."),
	}
	known := false
	for _, k := range all {
		if string(k.Algorithm) != algorithm {
			continue
		}
		known = true
		if k.Stage == keys.Signing {
			q.Hits = append(q.Hits, kit.Hitting(ui.T("Key that signs until then"), kit.Cell{Text: k.ID, Code: true, Time: k.SignsFrom}))
			q.State += k.ID
		}
	}
	if !known {
		return q, errNoKey
	}
	return q, nil
}

func (c *Console) askKillKey(v *kit.Visit) (kit.Confirmation, error) {
	all, err := c.o.Keys.List(v.Context())
	if err != nil {
		return kit.Confirmation{}, err
	}
	i := slices.IndexFunc(all, func(k keys.Info) bool { return k.ID == v.PathValue("kid") })
	if i < 0 || all[i].Stage == keys.Killed || all[i].Stage == keys.Removed {
		return kit.Confirmation{}, errNoKey
	}
	k := all[i]
	q := kit.Confirmation{
		Title: ui.T("Kill the key %s?", k.ID), Button: ui.T("Kill the key"), Back: "/keys", State: k.ID + string(k.Stage),
		Lead: ui.T("For an emergency: the key leaves the published keys at once, its private half is erased, and every token that it signed is refused. Where it is the one that signs, a fresh key takes over. Sessions go on."),
		Hits: []kit.Hit{
			kit.Hitting(ui.T("Key"), kit.Cell{Text: string(k.Algorithm), Tags: []ui.Tag{keyTag(k)}}),
			kit.Hitting(ui.T("What it signed since then is refused"), kit.Cell{Time: laterOf(k.SignsFrom, k.Published)}),
		},
	}
	apps, err := c.o.Apps.Apps(v.Context())
	if err != nil {
		return q, err
	}
	var names []kit.Cell
	for _, a := range apps {
		if a.SignedBy(k.Algorithm) {
			names = append(names, kit.Cell{Text: a.Title(), Href: c.AppPath(a)})
		}
	}
	if k.Algorithm == keys.SAML {
		q.Lead = ui.T("For an emergency: the key leaves the metadata at once, and its private half is erased. Where it is the one that signs, a fresh key takes over, and apps that speak SAML let nobody in until they have its certificate.")
		q.Hits = append(q.Hits[:1], kit.Naming(ui.T("Apps whose assertions it signs"), names))
		return q, nil
	}
	q.Hits = append(q.Hits, kit.Naming(ui.T("Apps whose tokens it signs"), names))
	return q, nil
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
