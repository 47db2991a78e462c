package tenants

import (
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

type orgRow struct {
	OrgID                                        id.Org `gorm:"primaryKey"`
	Slug                                         string
	Name                                         string
	Short                                        string
	Tagline, About, Color, Locale, SignIn, State string
	Hue                                          int
	Chroma                                       float64
	CreatedAt                                    time.Time
}

func (orgRow) TableName() string { return "organizations" }

func putOrganization(tx *db.Tx, o Organization) error {
	return tx.Gorm().Create(&orgRow{
		OrgID: o.OrgID, Slug: o.Slug, Name: o.Name, Short: o.Short, Tagline: o.Tagline, About: o.About, Color: o.Color,
		Locale: o.Locale, SignIn: o.SignIn, State: o.State, Hue: o.Hue, Chroma: o.Chroma, CreatedAt: tx.Now,
	}).Error
}

type memberRow struct {
	OrgID                             id.Org        `gorm:"primaryKey"`
	MembershipID                      id.Membership `gorm:"primaryKey"`
	PersonID                          id.Person
	Name, Email, Title, Locale, State string
	CreatedAt                         time.Time
}

func (memberRow) TableName() string { return "memberships" }
