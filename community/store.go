package community

import (
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
)

type questionRecord struct {
	OrgID        id.Org  `gorm:"primaryKey"`
	QuestionID   id.Post `gorm:"primaryKey"`
	MembershipID id.Membership
	AboutOrg     id.Org
	AboutItem    id.Item
	AboutLesson  string
	Audience     string
	ShownAs      string
	ShownName    string
	Lang         string
	Title        string
	Body         string
	State        string
	Same         int
	Thanks       int
	CreatedAt    time.Time
	ActiveAt     time.Time
}

func (questionRecord) TableName() string { return "questions" }

func insertQuestion(tx *db.Tx, r questionRecord) error {
	if err := tx.Gorm().Create(&r).Error; err != nil {
		return err
	}
	return jobs.Emit(tx, QuestionChanged{r.OrgID, r.QuestionID})
}

type answerRecord struct {
	OrgID        id.Org  `gorm:"primaryKey"`
	AnswerID     id.Post `gorm:"primaryKey"`
	QuestionOrg  id.Org
	QuestionID   id.Post
	MembershipID id.Membership
	Audience     string
	ShownAs      string
	ShownName    string
	Body         string
	State        string
	Used         int
	Thanks       int
	CreatedAt    time.Time
}

func (answerRecord) TableName() string { return "answers" }

func insertAnswer(tx *db.Tx, r answerRecord) error {
	if err := tx.Gorm().Create(&r).Error; err != nil {
		return err
	}
	return answerKey{r.QuestionOrg, r.QuestionID}.emit(tx, r.AnswerID)
}
