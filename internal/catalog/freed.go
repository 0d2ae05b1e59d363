package catalog

import "slices"

// Freed returns those of the apps that change with an app that gives up its client_id or
// its audience: what they say of it meant that app, and says nothing of whoever has the
// name next. gone is the app as it was, among the apps, and next as it is from now on, nil
// when it is removed.
func Freed(apps []App, gone, next *App) []App {
	client, audience := gone.ClientID(), gone.Audience()
	if next != nil && next.ClientID() == client {
		client = ""
	}
	if next != nil && next.Audience() == audience {
		audience = ""
	}
	var changed []App
	for _, a := range apps {
		if a.ID == gone.ID {
			continue
		}
		lapses, settles := a.lapse(client, gone.ID), audience != "" && a.Agreements.waitFor(audience)
		if settles {
			a.Agreements = sides(apps).settled(&a)
		}
		if lapses || settles {
			changed = append(changed, a)
		}
	}
	return changed
}

// lapse notes whom the manifest means by a client_id that is given up, unless it meant an
// app that had it before.
func (a *App) lapse(client, app string) bool {
	o := a.Manifest.Spec.Identity.OIDC
	if client == "" || a.Lapsed[client] != "" || o == nil || !slices.Contains(o.MayAct, client) {
		return false
	}
	lapsed := map[string]string{client: app}
	for id, meant := range a.Lapsed {
		lapsed[id] = meant
	}
	a.Lapsed = lapsed
	return true
}

// stillLapsed are those that have lapsed and that the manifest names still: naming one
// anew begins with taking it out.
func (a *App) stillLapsed(m Manifest) map[string]string {
	var kept map[string]string
	for client, app := range a.Lapsed {
		if o := m.Spec.Identity.OIDC; o == nil || !slices.Contains(o.MayAct, client) {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[client] = app
	}
	return kept
}

// waitFor reports whether something was agreed to of whoever serves the API.
func (all Agreements) waitFor(audience string) bool {
	return slices.ContainsFunc(all, func(g Agreement) bool { return g.API == "" && (g.Audience == audience || g.open()) })
}
