-- Who began a private chat; not known of older ones, which count for nobody.
alter table private_chats add column begun_by bigint;
create index private_chats_begun_idx on private_chats (begun_by) where begun_by is not null;
