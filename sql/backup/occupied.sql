-- Whether there is anything in the schema into which a backup is restored.
select exists (select from pg_class where relnamespace = 'public'::regnamespace) as is_occupied
