package courses

import (
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

type reflectionRow struct {
	OrgID         id.Org        `gorm:"primaryKey"`
	MembershipID  id.Membership `gorm:"primaryKey"`
	ItemOrg       id.Org        `gorm:"primaryKey"`
	ItemID        id.Item       `gorm:"primaryKey"`
	LessonKey     string        `gorm:"primaryKey"`
	ReflectionKey string        `gorm:"primaryKey"`
	Body          string
	UpdatedAt     time.Time
}

func (reflectionRow) TableName() string { return "reflections" }

func putReflection(tx *db.Tx, l located, key, text string) error {
	row := reflectionRow{OrgID: tx.Scope.Org, MembershipID: tx.Scope.Membership, ItemOrg: l.Org, ItemID: l.Item, LessonKey: l.Lesson, ReflectionKey: key, Body: text, UpdatedAt: tx.Now}
	g := tx.Gorm()
	if text == "" {
		g = g.Delete(&row)
	} else {
		g = g.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row)
	}
	if g.Error != nil {
		return fmt.Errorf("reflection %s: %w", key, g.Error)
	}
	return nil
}
