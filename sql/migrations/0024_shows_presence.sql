-- Whether others are told that somebody writes, is here and has read, and the user that of others.
alter table users add column shows_presence boolean not null default true;
