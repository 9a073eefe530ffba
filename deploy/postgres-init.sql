-- Runs once, when the volume of compose.replicas.yaml is new. The role of the service is not a
-- superuser. It owns its database, so it may make its tables and the extension pg_trgm.
\getenv password POSTGRES_PASSWORD
CREATE ROLE lyftr LOGIN PASSWORD :'password';
CREATE DATABASE lyftr OWNER lyftr ENCODING 'UTF8' TEMPLATE template0;
