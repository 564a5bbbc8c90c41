-- Files of the seat picker, of every version that was ever served here: pages pin a version, and servers of two versions
-- run beside each other while one takes the place of the other. They belong to no tenant.
CREATE TABLE embed_files (
  -- `v<version>-<hash>/<name>`: below it, contents never change.
  path text PRIMARY KEY CHECK (length(path) <= 200),
  contents bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON embed_files TO ef_system;
