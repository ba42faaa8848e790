-- Who may sign up, if a command has said so. meta_pkey.
select signups from meta
