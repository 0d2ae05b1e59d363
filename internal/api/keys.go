package api

import (
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
)

func (a *API) keyRoutes() []rest.Route {
	const one = "/keys/{kid}"
	return []rest.Route{
		{
			ID: "listKeys", Method: "GET", Path: "/keys", Summary: "List the signing keys.", Right: admin.ReadKeys,
			Query: []rest.Param{
				rest.Choice("algorithm", "Only keys of this algorithm.", algorithms()...), rest.Choice("stage", "Only keys at this point of their lives.", stages()...),
			},
			List: rest.ListOf(exampleKey, []string{"id", "algorithm", "stage", "published", "signs_from", "retired_at", "remove_at"},
				[]string{"published", "-published"}, a.listKeys),
		},
		{ID: "getKey", Method: "GET", Path: one, Summary: "Show a signing key.", Right: admin.ReadKeys, Answer: exampleKey, Do: a.key},
		{
			ID: "rotateKey", Method: "POST", Path: "/keys/{algorithm}/rotate", Summary: "Publish the next key, which signs once everybody can know it.",
			About: "No token that was signed before is refused.", Right: admin.WriteKeys, Answer: []keys.Info{exampleKey}, Do: a.rotateKey,
		},
		{
			ID: "killKey", Method: "POST", Path: one + "/kill", Of: one, Summary: "In an emergency: take a key away at once, with every token that it signed.",
			About: "Its private half is erased. Where no other key of its algorithm may sign, a fresh one does at once.",
			Right: admin.WriteKeys, Answer: []keys.Info{exampleKey}, Do: a.killKey, Hits: a.hitsKey,
		},
	}
}

func algorithms() []string {
	return []string{string(keys.ES256), string(keys.RS256), string(keys.EdDSA), string(keys.SAML)}
}

func stages() []string {
	return []string{string(keys.Waiting), string(keys.Signing), string(keys.Retired), string(keys.Removed), string(keys.Killed)}
}

func (a *API) listKeys(r *http.Request, q rest.Query) ([]keys.Info, string, error) {
	all, err := a.o.Keys.List(r.Context())
	if err != nil {
		return nil, "", err
	}
	all = slices.DeleteFunc(all, func(k keys.Info) bool {
		return q.Has("algorithm") && string(k.Algorithm) != q.Get("algorithm") || q.Has("stage") && string(k.Stage) != q.Get("stage")
	})
	return rest.Slice(q, all, func(k keys.Info) string { return k.ID }, map[string]func(keys.Info) string{
		"published": func(k keys.Info) string { return rest.TimeKey(k.Published) },
	})
}

func (a *API) key(r *http.Request) (any, error) { return a.keyOf(r) }

func (a *API) keyOf(r *http.Request) (keys.Info, error) {
	all, err := a.o.Keys.List(r.Context())
	if err != nil {
		return keys.Info{}, err
	}
	if i := slices.IndexFunc(all, func(k keys.Info) bool { return k.ID == r.PathValue("kid") }); i >= 0 {
		return all[i], nil
	}
	return keys.Info{}, keys.ErrKeyNotFound
}

func (a *API) rotateKey(r *http.Request) (any, error) {
	if err := a.o.Keys.Rotate(r.Context(), keys.Algorithm(r.PathValue("algorithm")), by(r)); err != nil {
		return nil, err
	}
	return a.o.Keys.List(r.Context())
}

func (a *API) killKey(r *http.Request) (any, error) {
	if err := a.o.Keys.Kill(r.Context(), r.PathValue("kid"), by(r)); err != nil {
		return nil, err
	}
	return a.o.Keys.List(r.Context())
}

// hitsKey tells of the apps whose tokens a key signs.
func (a *API) hitsKey(r *http.Request) (any, error) {
	k, err := a.keyOf(r)
	if err != nil {
		return nil, err
	}
	note := "Every token that the key signed is refused at once, everywhere. Sessions and refresh tokens go on: apps get new tokens with the next key."
	if k.Algorithm == keys.SAML {
		note = "Apps that speak SAML let nobody in until they have the next certificate: from the metadata, or from whoever set them up."
	}
	h := rest.Hits{Operation: "killKey", Names: []string{}, Apps: []string{}, Notes: []string{note}}
	apps, err := a.o.Apps.Apps(r.Context())
	for _, app := range apps {
		if !app.SignedBy(k.Algorithm) {
			continue
		}
		h.Apps = append(h.Apps, app.Name)
		people, _, grants, _, err := a.o.Hit(r.Context(), identity.App(app.ID), a.o.Now())
		if err != nil {
			return nil, err
		}
		h.People, h.Grants = h.People+people, h.Grants+grants
	}
	return h, err
}
