package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// brand reads how the broker presents itself.
func (p *parts) brand() (ui.Brand, error) {
	c := p.cfg.Product
	b := ui.Brand{Name: c.Name, Accent: c.Accent, AccentDark: c.AccentDark}
	if c.Logo == "" {
		return b, nil
	}
	var err error
	if b.Logo, err = os.ReadFile(c.Logo); err != nil {
		return b, fmt.Errorf("product.logo: %w", err)
	}
	b.LogoType = "image/svg+xml"
	if strings.EqualFold(filepath.Ext(c.Logo), ".png") {
		b.LogoType = "image/png"
	}
	return b, nil
}
