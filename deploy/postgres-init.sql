-- Runs once, when the volume of compose.replicas.yaml is new: the service is no superuser, but owns its database, so that it may
-- make its tables and the extension pg_trgm.
\getenv password POSTGRES_PASSWORD
CREATE ROLE lyftr LOGIN PASSWORD :'password';
CREATE DATABASE lyftr OWNER lyftr ENCODING 'UTF8' TEMPLATE template0;
