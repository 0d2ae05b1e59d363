package ui

import (
	"fmt"
	"html/template"
)

// icon is a picture of 24 units, drawn with lines in the colour of the text. It is
// decoration: what it means stands beside it.
func icon(name string) (template.HTML, error) {
	shape, ok := map[string]string{
		"alert":    "M12 4 2.8 20h18.4zM12 10v4.5M12 17.4v.1",
		"apps":     "M4 20v-6a4 4 0 0 1 8 0v6zM12 20v-9a4 4 0 0 1 8 0v9zM2.5 20h19",
		"arrow":    "M5 12h14M13 6l6 6-6 6",
		"audit":    "M6 3h9l4 4v14H6zM14.5 3v4.5H19M9 12h7M9 16h7",
		"bolt":     "M13 3 5 14h6l-1 7 8-11h-6z",
		"check":    "M4.5 12.5 10 18 19.5 7",
		"clock":    "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v5.2l3.4 2",
		"cross":    "M6 6l12 12M18 6 6 18",
		"device":   "M5 5h14v10H5zM2.5 19h19",
		"down":     "M6 9.5l6 6 6-6",
		"download": "M12 4v11M7 10.5l5 5 5-5M4.5 20h15",
		"globe":    "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M3.3 12h17.4M12 3c5 5 5 13 0 18M12 3c-5 5-5 13 0 18",
		"group":    "M9 5a3.2 3.2 0 1 0 0 6.4A3.2 3.2 0 0 0 9 5M3 19.5c.5-7.5 11.5-7.5 12 0M15.5 5.3a3.2 3.2 0 0 1 0 5.9M17.5 14.2c2.2.7 3.3 2.5 3.5 5.3",
		"home":     "M4 11.5 12 4.5l8 7M6 10v10h12V10M10 20v-6h4v6",
		"info":     "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v5.5M12 7.6v.1",
		"key":      "M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8M10.8 12.2 19.5 3.5M16 7l3 3",
		"left":     "M14.5 6l-6 6 6 6",
		"link":     "M10 14a4 4 0 0 0 5.7 0l3.6-3.6a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.6 3.6a4 4 0 0 0 5.7 5.7L12 17.7",
		"lock":     "M6 11h12v9.5H6zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11",
		"mail":     "M3.5 6h17v12.5h-17zM4 6.5l8 6.5 8-6.5",
		"menu":     "M4 7h16M4 12h16M4 17h16",
		"open":     "M13.5 4H20v6.5M20 4l-9 9M17 14v5.5H4.5V7H10",
		"out":      "M10 4H5v16h5M14.5 8l4.5 4-4.5 4M19 12H9.5",
		"people":   "M12 4.5a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6M4.5 20.5c.6-8.5 14.4-8.5 15 0",
		"phone":    "M7.5 3h9v18h-9zM11 18h2",
		"plus":     "M12 5v14M5 12h14",
		"power":    "M12 3v8.5M7 6.5a7.5 7.5 0 1 0 10 0",
		"queue":    "M4 6h16M4 11h16M4 16h9M17 14.5v6M14 17.5h6",
		"refresh":  "M20 5v5h-5M19.5 10a8 8 0 1 0 .5 4",
		"right":    "M9.5 6l6 6-6 6",
		"search":   "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20.5 20.5",
		"shield":   "M12 3l7.5 2.8v5.7c0 4.5-3 7.7-7.5 9.5-4.5-1.8-7.5-5-7.5-9.5V5.8z",
		"tag":      "M4 4h7.5L20.5 13 13 20.5 4 11.5zM8 8v.1",
		"trash":    "M4.5 7h15M9.5 7V4h5v3M6.5 7l1 13.5h9l1-13.5M10.5 11v6M13.5 11v6",
		"up":       "M6 14.5l6-6 6 6",
	}[name]
	if !ok {
		return "", fmt.Errorf("icon: there is no %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false"><path d="` + shape + `"/></svg>`), nil //nolint:gosec // G203: the shapes are above
}
