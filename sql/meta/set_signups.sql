-- Who may sign up; null: as the setting says. meta_pkey.
update meta set signups = $1
