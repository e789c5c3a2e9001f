-- ---------------------------------------------------------------------------
-- Compatibility digests: what OpenPseudonymiser, the NDR tools and plain
-- salting make, so that a partner's existing pseudonyms can be matched. Weaker
-- than the extension's own: whoever learns the salt can try out every NHS
-- number. docs/reference-pseudonyms.md says what to use instead.
--
-- A salt is a secret: it comes from a file, is kept encrypted under the master
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

-- The costs are those of SHA-256 and of making text.
CREATE FUNCTION caredata.open_pseudonymiser_digest(secret name, VARIADIC fields text[])
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 50
	AS 'MODULE_PATHNAME', 'caredata_open_pseudonymiser_digest';
REVOKE ALL ON FUNCTION caredata.open_pseudonymiser_digest(name, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.open_pseudonymiser_digest(name, text[]) IS
	'Compatibility, weak: the digest of OpenPseudonymiser over pairs of field name and value, 64 capital hexadecimal digits; NULL when a value is NULL. For superusers and caredata_linker';

CREATE FUNCTION caredata.ndr_pseudo_id1(nhs_number text, secret name) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_ndr_pseudo_id1_text';
REVOKE ALL ON FUNCTION caredata.ndr_pseudo_id1(text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.ndr_pseudo_id1(text, name) IS
	'Compatibility, weak: pseudo id 1 of the NDR tools, of ten digits whatever their check digit; NULL for other text. For superusers and caredata_linker';

CREATE FUNCTION caredata.ndr_pseudo_id2(birth_date date, postcode text, secret name)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_ndr_pseudo_id2_date';
REVOKE ALL ON FUNCTION caredata.ndr_pseudo_id2(date, text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.ndr_pseudo_id2(date, text, name) IS
	'Compatibility, weak: pseudo id 2 of the NDR tools, of date of birth and postcode (case and spaces do not count); NULL for a postcode of other characters. For superusers and caredata_linker';

CREATE FUNCTION caredata.ndr_repseudonym(pseudo_id text, secret name) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_ndr_repseudonym_text';
REVOKE ALL ON FUNCTION caredata.ndr_repseudonym(text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.ndr_repseudonym(text, name) IS
	'Compatibility, weak: re-pseudonym of a pseudo id or re-pseudonym of the NDR tools, 64 small hexadecimal digits; NULL for other text. For superusers and caredata_linker';

CREATE FUNCTION caredata.ndr_short_repseudonym(pseudo_id text, secret name) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_ndr_short_repseudonym_text';
REVOKE ALL ON FUNCTION caredata.ndr_short_repseudonym(text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.ndr_short_repseudonym(text, name) IS
	'Compatibility, weak: the first 16 digits of ndr_repseudonym(). For superusers and caredata_linker';

CREATE FUNCTION caredata.salted_sha256(value text, secret name, salt_first boolean DEFAULT false)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_salted_sha256';
REVOKE ALL ON FUNCTION caredata.salted_sha256(text, name, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.salted_sha256(text, name, boolean) IS
	'Compatibility, weak: SHA-256 of the bytes of a text and then the salt, or the salt first, 64 small hexadecimal digits. For superusers and caredata_linker';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.open_pseudonymiser_digest(name,text[])'),
	('caredata_linker', 'caredata.ndr_pseudo_id1(text,name)'),
	('caredata_linker', 'caredata.ndr_pseudo_id2(date,text,name)'),
	('caredata_linker', 'caredata.ndr_repseudonym(text,name)'),
	('caredata_linker', 'caredata.ndr_short_repseudonym(text,name)'),
	('caredata_linker', 'caredata.salted_sha256(text,name,boolean)');

