@echo off
rem Starts the server in the clone, with the Python that has the kit; its flags are passed on. A copy
rem has another one, which makes an environment of its own.
python "%~dp0." %*
exit /b %errorlevel%
