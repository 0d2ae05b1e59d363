package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static
var static embed.FS

// asset is one file that browsers may keep for ever, for its name changes with it.
type asset struct {
	kind string
	body []byte
}

// assets are the files that pages load: marked names by plain ones, and the files
// by their marked names.
type assets struct {
	marked map[string]string
	files  map[string]asset
}

// stylesheets are served as one file, gatehouse.css, in this order.
func stylesheets() []string {
	return []string{"tokens", "base", "shell", "components", "tables", "charts", "console", "why", "print"}
}

func (a *assets) add(name, kind string, body []byte) {
	sum, ext := sha256.Sum256(body), path.Ext(name)
	marked := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	a.marked[name], a.files[marked] = marked, asset{kind, body}
}

// path returns the path of a file by its plain name, below the prefix.
func (a *assets) path(name string) string { return "/static/" + a.marked[name] }

// readAssets collects the embedded files and what the brand brings.
func readAssets(b Brand) (assets, error) {
	a := assets{marked: map[string]string{}, files: map[string]asset{}}
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8"}
	names, err := fs.Glob(static, "static/*.*")
	if err != nil {
		return a, err
	}
	for _, name := range names {
		body, err := static.ReadFile(name)
		if err != nil {
			return a, err
		}
		a.add(path.Base(name), kinds[path.Ext(name)], body)
	}
	if len(b.Logo) > 0 {
		delete(a.files, a.marked["gate.svg"])
		a.add("gate.svg", b.LogoType, b.Logo)
	}
	css, err := a.stylesheet(b)
	if err != nil {
		return a, err
	}
	a.add("gatehouse.css", "text/css; charset=utf-8", css)
	return a, nil
}

// stylesheet joins the parts, names the fonts as they are served and sets the
// brand's colours.
func (a *assets) stylesheet(b Brand) ([]byte, error) {
	var css strings.Builder
	for _, part := range stylesheets() {
		body, err := static.ReadFile("static/css/" + part + ".css")
		if err != nil {
			return nil, err
		}
		css.Write(body)
	}
	for name, colour := range map[string]string{"--accent-light": b.Accent, "--accent-dark": b.AccentDark} {
		if colour != "" {
			css.WriteString(":root { " + name + ": " + colour + " }\n")
		}
	}
	text := css.String()
	for name, marked := range a.marked {
		text = strings.ReplaceAll(text, `url("`+name+`")`, `url("`+marked+`")`)
	}
	return []byte(text), nil
}

// Mount serves the static files. Their names change with their content, so that
// they may be kept for ever.
func (u *UI) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /static/{file}", func(w http.ResponseWriter, r *http.Request) {
		f, ok := u.assets.files[r.PathValue("file")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Content-Length", strconv.Itoa(len(f.body)))
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		// A logo is somebody else's picture: opened by itself it runs nothing.
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
		_, _ = w.Write(f.body) // the peer may have gone
	})
}
