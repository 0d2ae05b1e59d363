package api

import (
	"context"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// yaml is the media type of manifests.
const yaml = "application/yaml"

// maxBatch bounds a folder of manifests, in bytes: what the edge lets through.
const maxBatch = 4 << 20

// errPrune refuses to remove apps by a batch, which shows secrets and so never
// waits, where removing one waits for a second person.
var errPrune = fault.New(fault.Denied, "prune_four_eyes",
	"a second person approves that an app is removed: import without prune, and remove apps by name").At("/prune")

// shown is an app with what keeps it from working.
type shown struct {
	catalog.App
	// Missing says what keeps people from using the app: see catalog.Manifest.
	Missing []string `json:"missing,omitempty"`
	// Pending is what the app asks of APIs and was not agreed to.
	Pending []catalog.Ask `json:"pending,omitempty"`
	// Ownership is who answers for the app now, which its manifest does not say.
	Ownership ownership.Ownership `json:"ownership"`
}

// Tagged is the part that an entity tag is of: the rest depends on other apps, too.
func (s shown) Tagged() any { return s.App }

// applied is the answer to a change of an app.
type applied struct {
	App     catalog.App     `json:"app"`
	Outcome catalog.Outcome `json:"outcome,omitempty"`
	// Secret is shown once.
	Secret string `json:"client_secret,omitempty"`
	// Missing says what keeps people from using the app: see catalog.Manifest.
	Missing []string `json:"missing,omitempty"`
	// Pending is what the app asks of APIs and was not agreed to.
	Pending []catalog.Ask `json:"pending,omitempty"`
	// Warnings say what was done and may not be meant.
	Warnings []string `json:"warnings,omitempty"`
}

// batch is what importApps takes: manifests, or client metadata, as they were
// written.
type batch struct {
	Files []catalog.File `json:"files"`
	// Folder and Prune are those of catalog.Batch.
	Folder bool `json:"folder,omitempty"`
	Prune  bool `json:"prune,omitempty"`
}

// imported is the answer to a batch.
type imported struct {
	Applied []applied `json:"applied"`
	Removed []string  `json:"removed"`
}

func (a *API) appRoutes() []rest.Route {
	const one = "/apps/{name}"
	return []rest.Route{
		{
			ID: "listApps", Method: "GET", Path: "/apps", Summary: "List the apps.", Right: admin.ReadApps,
			Query: []rest.Param{
				rest.Text("q", "Words that are in the name, the title, the description, or the client id or entity id."),
				rest.Text("team", "The team that owns the app."), rest.Text("owner", "A part of the team or of the primary owner."), rest.Text("group", "A part of a group that the app names."),
				rest.Choice("state", "Whether people get in: on, off, or incomplete for want of something in the manifest.", string(catalog.On), string(catalog.Off), string(catalog.Incomplete)),
				rest.Truth("disabled", "Only apps that are, or are not."),
				rest.Choice("ownership", "orphaned: only apps whose owners have left.", string(ownership.Orphaned)),
			},
			List: rest.ListOf(exampleShown, []string{
				"name", "manifest.metadata.title", "manifest.spec.owner.team", "manifest.spec.owner.primary", "manifest.spec.identity.protocol", "manifest.spec.identity.oidc.clientId",
				"manifest.spec.identity.saml.entityId", "ownership.primary", "ownership.secondary", "ownership.state", "disabled", "created", "updated", "digest", "missing",
			}, []string{"name", "-name", "title", "-title", "state", "-state", "team", "-team", "created", "-created", "updated", "-updated"}, a.listApps),
		},
		{
			ID: "importApps", Method: "POST", Path: "/apps:import", Summary: "Apply a folder of manifests, or nothing of it.",
			About: "Each file is a microapp.yaml, or a client's metadata in JSON (RFC 7591), in base64. With folder, an app stands in a subfolder of its own name; " +
				"with prune, the apps that the folder does not have are removed, unless it is empty, more than one app in five would go, or removeApp waits for a second person.",
			Right: admin.WriteApps, Body: exampleBatch, MaxBody: maxBatch, Answer: imported{[]applied{exampleApplied}, []string{}}, Secret: true, Do: a.importApps,
		},
		{
			ID: "getIdentityProvider", Method: "GET", Path: "/saml", Summary: "Show what an app that speaks SAML has to know of the broker.",
			About: "Its metadata has all of it. A certificate that has yet to sign is listed before it does.", Right: admin.ReadApps, Answer: exampleProvider, Do: a.identityProvider,
		},
		{ID: "getApp", Method: "GET", Path: one, Summary: "Show an app.", Right: admin.ReadApps, Answer: exampleShown, Do: a.app},
		{
			ID: "applyApp", Method: "PUT", Path: one, Summary: "Add or update an app from its manifest.",
			About: "The same manifest again changes nothing. What it newly asks of APIs, an administrator agrees to by applying it; what others ask for waits, as pending says, for the API's owner or an administrator.",
			Right: admin.WriteApps, Owned: true, Media: yaml, Body: exampleManifest, Answer: exampleApplied, Secret: true, Do: a.apply,
		},
		{
			ID: "removeApp", Method: "DELETE", Path: one, Summary: "Remove an app and everything derived from it.",
			Right: admin.WriteApps, Owned: true, Do: a.remove, Hits: a.hitsApp("removeApp", "Its client, scopes and audience are gone, and what others have of its API is refused; its name inherits nothing."),
		},
		{
			ID: "disableApp", Method: "POST", Path: one + "/disable", Of: one, Summary: "Let nobody in, and revoke what was issued to the app.",
			Right: admin.SwitchApps, Owned: true, Answer: exampleApplied, Do: a.switchApp((*catalog.Service).Disable),
			Hits: a.hitsApp("disableApp", "Nobody can sign in to the app until it is enabled; what was revoked stays so."),
		},
		{
			ID: "enableApp", Method: "POST", Path: one + "/enable", Of: one, Summary: "Let people in again.",
			Right: admin.SwitchApps, Owned: true, Answer: exampleApplied, Do: a.switchApp((*catalog.Service).Enable),
		},
		{
			ID: "rotateAppSecret", Method: "POST", Path: one + "/secret", Of: one, Summary: "Make another client secret, shown once.",
			About: "The secret before stays good until the next rotation.", Right: admin.WriteApps, Owned: true, Answer: exampleApplied, Secret: true, Do: a.secret,
			Hits: a.hitsSecret,
		},
	}
}

func (a *API) listApps(r *http.Request, q rest.Query) ([]shown, string, error) {
	page, next, err := a.o.Apps.Search(r.Context(), catalog.Query{
		Text: q.Get("q"), Team: q.Get("team"), Owner: q.Get("owner"), Group: q.Get("group"), State: catalog.State(q.Get("state")), Disabled: q.Bool("disabled"),
		Orphaned: q.Get("ownership") == string(ownership.Orphaned), Sort: catalog.Sort(order(q)), Limit: q.Limit, After: q.After,
	})
	if err != nil {
		return nil, "", err
	}
	all, err := a.shown(r.Context(), page...)
	return all, next, err
}

func (a *API) app(r *http.Request) (any, error) {
	app, err := a.o.Apps.App(r.Context(), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	all, err := a.shown(r.Context(), app)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (a *API) shown(ctx context.Context, apps ...catalog.App) ([]shown, error) {
	names := make([]string, len(apps))
	for i, app := range apps {
		names[i] = app.Name
	}
	pending, err := a.o.Apps.Pending(ctx, apps...)
	if err != nil {
		return nil, err
	}
	owners, err := a.o.Owners.Each(ctx, names)
	all := make([]shown, len(apps))
	for i, app := range apps {
		all[i] = shown{App: app, Missing: app.Manifest.Missing(), Pending: pending[app.Name], Ownership: owners[app.Name]}
	}
	return all, err
}

func (a *API) apply(r *http.Request) (any, error) {
	m, err := catalog.Parse("microapp.yaml", rest.BodyOf(r))
	if err != nil {
		return nil, err
	}
	if m.Metadata.Name != r.PathValue("name") {
		return nil, fault.New(fault.Invalid, "manifest_name", "the manifest is of another app than the path names").At("metadata.name")
	}
	result, err := a.o.Apps.Propose(r.Context(), m, voice(r))
	if err != nil {
		return nil, err
	}
	result.Outcome = ""
	all, err := a.warned(r.Context(), result)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// warned is the answer about apps that were applied, with what may not be meant.
func (a *API) warned(ctx context.Context, results ...catalog.Result) ([]applied, error) {
	manifests := make([]catalog.Manifest, len(results))
	for i, r := range results {
		manifests[i] = r.App.Manifest
	}
	warnings, err := a.groupsUnknown(ctx, manifests...)
	all := make([]applied, len(results))
	for i, r := range results {
		all[i] = answered(r)
		all[i].Warnings = warnings[r.App.Name]
	}
	return all, err
}

func (a *API) remove(r *http.Request) (any, error) {
	return nothing(a.o.Apps.Remove(r.Context(), r.PathValue("name"), by(r)))
}

func (a *API) switchApp(do func(*catalog.Service, context.Context, string, identity.Actor) (catalog.App, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		app, err := do(a.o.Apps, r.Context(), r.PathValue("name"), by(r))
		return answered(catalog.Result{App: app}), err
	}
}

func (a *API) secret(r *http.Request) (any, error) {
	app, secret, err := a.o.Apps.RotateSecret(r.Context(), r.PathValue("name"), by(r))
	return answered(catalog.Result{App: app, Secret: secret}), err
}

// importApps applies several files, or nothing when one of them is bad.
func (a *API) importApps(r *http.Request) (any, error) {
	var b batch
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &b); err != nil {
		return nil, err
	}
	if b.Prune && a.o.Admin.Needed("removeApp", rest.CallerOf(r).Principal) {
		return nil, errPrune
	}
	report, err := a.o.Apps.ApplyFiles(r.Context(), b.Files, catalog.Batch{Folder: b.Folder, Prune: b.Prune}, by(r))
	if err != nil {
		return nil, err
	}
	all, err := a.warned(r.Context(), report.Applied...)
	return imported{Applied: all, Removed: append([]string{}, report.Removed...)}, err
}

// answered tells of an app and of what keeps it from being used.
func answered(r catalog.Result) applied {
	return applied{App: r.App, Outcome: r.Outcome, Secret: r.Secret, Missing: r.App.Manifest.Missing(), Pending: r.Pending}
}

func (a *API) hitsApp(operation, note string) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		app, err := a.o.Apps.App(r.Context(), r.PathValue("name"))
		if err != nil {
			return nil, err
		}
		return a.hit(r.Context(), operation, identity.App(app.ID), note)
	}
}

func (a *API) hitsSecret(r *http.Request) (any, error) {
	app, err := a.o.Apps.App(r.Context(), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if client := app.Manifest.Spec.Identity.OIDC; client == nil || len(app.Secrets) == 0 {
		return nil, catalog.ErrNoSecret
	}
	h := rest.Hits{Operation: "rotateAppSecret", Names: []string{}, Apps: []string{app.Name}, Notes: []string{"The secret of now stays good until the next rotation; the one before it does not."}}
	return h, nil
}
