-- ---------------------------------------------------------------------------
-- Secrets of others: the salt of a partner's pseudonyms, what two parties agreed
-- upon for their CLKs. Each comes from a file, is kept encrypted under the master
-- key, and SQL only ever has its name.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.compat_secret (
	name           name PRIMARY KEY CHECK (name <> ''),
	wrapped_secret bytea NOT NULL
		CHECK (pg_catalog.octet_length(wrapped_secret) BETWEEN 42 AND 1065),
	imported_by    name NOT NULL DEFAULT session_user,
	imported_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE caredata.compat_secret IS
	'Salts of other pseudonymisation tools, encrypted under the master key';
COMMENT ON COLUMN caredata.compat_secret.wrapped_secret IS
	'Version, nonce, ciphertext and tag (XChaCha20-Poly1305), bound to the name';

SELECT pg_catalog.pg_extension_config_dump('caredata.compat_secret', '');

CREATE FUNCTION caredata.wrap_secret(secret name, file text) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'caredata_wrap_secret';
REVOKE ALL ON FUNCTION caredata.wrap_secret(name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.wrap_secret(name, text) IS
	'The contents of a file on the server, encrypted under the master key and bound to a name; internal to import_compat_secret()';

CREATE FUNCTION caredata.rewrap_secret(secret name, wrapped_secret bytea) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'caredata_rewrap_secret';
REVOKE ALL ON FUNCTION caredata.rewrap_secret(name, bytea) FROM PUBLIC;
COMMENT ON FUNCTION caredata.rewrap_secret(name, bytea) IS
	'A wrapped secret, encrypted under the next master key instead of the present one; internal to rotate_master_key()';

CREATE FUNCTION caredata.check_secret(secret name, wrapped_secret bytea) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'caredata_check_secret';
REVOKE ALL ON FUNCTION caredata.check_secret(name, bytea) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_secret(name, bytea) IS
	'Raises, as its use would, when a wrapped secret cannot be decrypted';

CREATE FUNCTION caredata.import_compat_secret(secret name, file text) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF EXISTS (SELECT FROM caredata.compat_secret s WHERE s.name = secret) THEN
		RAISE EXCEPTION 'compatibility secret "%" already exists', secret
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Another salt makes other digests: give it a name of its own, or drop the old one with drop_compat_secret().';
	END IF;
	PERFORM caredata.adopt_master_key();
	INSERT INTO caredata.compat_secret (name, wrapped_secret)
	VALUES (secret, caredata.wrap_secret(secret, file));
END
$body$;
REVOKE ALL ON FUNCTION caredata.import_compat_secret(name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.import_compat_secret(name, text) IS
	'Takes a salt from a file on the server, which must be the server user''s alone, as the master key file; one line end is left out. For superusers. Delete the file afterwards';

CREATE FUNCTION caredata.drop_compat_secret(secret name) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	DELETE FROM caredata.compat_secret s WHERE s.name = secret;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'compatibility secret "%" does not exist', secret
			USING ERRCODE = 'undefined_object',
				  HINT = 'Table caredata.compat_secret lists them.';
	END IF;
END
$body$;
REVOKE ALL ON FUNCTION caredata.drop_compat_secret(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.drop_compat_secret(name) IS
	'Forgets a salt; for superusers. Back-ups still hold it, encrypted';

CREATE FUNCTION caredata.same_compat_secret(a name, b name) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'caredata_same_compat_secret';
REVOKE ALL ON FUNCTION caredata.same_compat_secret(name, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.same_compat_secret(name, name) IS
	'Whether two names stand for the same secret; internal to create_clk_project()';
