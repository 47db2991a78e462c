-- +goose Up
-- Whoever was moved out of a withdrawn version is known also once they have read why; when it is given back, they are told that, too.
ALTER TABLE enrollments ADD forced_read boolean NOT NULL DEFAULT false, -- that they were moved
  ADD given_back integer,                                              -- the version that they had been moved out of, until they have read it
  ADD back_told boolean NOT NULL DEFAULT false;                        -- by mail
-- +goose Down
ALTER TABLE enrollments DROP forced_read, DROP given_back, DROP back_told;
