-- SQLite's json_each of a text: the values of a JSON array, as texts.
CREATE FUNCTION json_each(list TEXT) RETURNS TABLE (value TEXT) LANGUAGE sql IMMUTABLE
AS $$ SELECT json_array_elements_text(list::json) $$;
